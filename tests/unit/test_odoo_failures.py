"""Odoo's errors become failures that say what happens next, without Odoo's words."""

import pytest

from suture.connectors.odoo.transport.failures import OdooError, not_odoo, translate, translate_load
from suture.core.failure import Failure, Fatal, Rejected, Retriable, Unknown

NAME = "Zebedee Quillfeather"


@pytest.mark.parametrize(
    ("name", "message", "expected", "code"),
    [
        ("odoo.exceptions.AccessError", "", Fatal, "access_missing"),
        ("odoo.exceptions.AccessDenied", "", Fatal, "credentials_refused"),
        ("odoo.exceptions.ValidationError", "", Rejected, "refused_by_odoo"),
        ("odoo.exceptions.UserError", "The entry INV/1 must be in draft.", Rejected, "refused_by_odoo"),
        ("odoo.exceptions.UserError", "Object stock.picking doesn't exist", Fatal, "not_understood"),
        ("odoo.exceptions.UserError", "could not obtain lock on row in relation", Retriable, "busy"),
        ("odoo.exceptions.MissingError", "", Rejected, "record_missing"),
        ("psycopg2.errors.SerializationFailure", "", Retriable, "busy"),
        ("psycopg2.errors.LockNotAvailable", "", Retriable, "busy"),
        ("psycopg2.OperationalError", "server closed the connection", Retriable, "busy"),
        ("psycopg2.OperationalError", 'FATAL:  database "x" does not exist', Fatal, "database_unknown"),
        ("werkzeug.exceptions.NotFound", "the model 'x' does not exist", Fatal, "not_understood"),
        ("builtins.ValueError", "Invalid field 'x' on model 'y'", Fatal, "not_understood"),
        ("builtins.AttributeError", "The method 'x' does not exist on the model 'y'", Fatal, "not_understood"),
        ("builtins.ZeroDivisionError", "division by zero", Rejected, "odoo_error"),
        ("some.module.Unheard", "", Rejected, "odoo_error"),
    ],
)
def test_an_error_says_what_happens_next(name: str, message: str, expected: type[Failure], code: str) -> None:
    failure = translate("account.move", "action_post", OdooError(name, message))
    assert type(failure) is expected
    assert failure.code == code
    assert "account.move.action_post" in str(failure)


def test_odoos_words_are_never_carried_along() -> None:
    error = OdooError("odoo.exceptions.ValidationError", f"Partner {NAME} is not valid")
    failure = translate("res.partner", "write", error)
    loading = translate_load("res.partner", [{"type": "error", "message": f"{NAME} is wrong", "field": "name"}])
    assert NAME not in f"{failure} {failure.remedy} {loading} {loading.remedy}"
    assert "name" in str(loading)


@pytest.mark.parametrize(
    ("message", "expected", "code"),
    [
        ("could not serialize access due to concurrent update", Retriable, "busy"),
        ('duplicate key value violates unique constraint "ir_model_data_name_uniq"', Retriable, "busy"),
        ("You are not allowed to create 'Product' (product.product) records.", Fatal, "access_missing"),
        ("No matching record found for external id 'suture.product_X' in field 'Product'", Rejected, "not_in_odoo"),
        ("'2026-13-01' does not seem to be a valid date for field 'Date'", Rejected, "not_importable"),
    ],
)
def test_load_fails_as_a_success(message: str, expected: type[Failure], code: str) -> None:
    failure = translate_load("account.move", [{"type": "error", "message": message}])
    assert type(failure) is expected
    assert failure.code == code


def test_a_missing_record_is_named_by_its_external_id() -> None:
    text = "No matching record found for external id 'suture.product_X' in field 'Product'"
    assert "suture.product_X" in str(translate_load("account.move", [{"message": text}]))


@pytest.mark.parametrize(
    ("status", "reading", "expected"),
    [(404, False, Fatal), (415, True, Fatal), (500, False, Unknown), (500, True, Retriable), (200, False, Unknown)],
)
def test_a_page_instead_of_data(status: int, reading: bool, expected: type[Failure]) -> None:
    assert type(not_odoo(status, reading=reading)) is expected
