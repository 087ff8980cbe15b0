"""Which page says what to do about an exception: one a class, by the exception's code."""

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).with_name("runbooks")

CLASSES: dict[str, frozenset[str]] = {
    "mapping": frozenset(
        {"code_unmapped", "facility_unknown", "service_unknown", "unknown_code", "not_in_odoo", "adjustment_unmapped"}
    ),
    "payload": frozenset(
        {
            *("invalid_payload", "unknown_type", "status_differs", "no_appointment", "no_version", "no_patient"),
            *("no_start", "no_encounter", "no_practitioner", "currency_differs", "amount_invalid", "seal_broken"),
            *("interface_unknown", "party_unknown", "nothing_to_bill", "no_lines", "not_fhir"),
            *("patient_unclear", "practitioner_unclear", "facility_unclear", "encounter_unclear", "charge_unclear"),
            *("payer_unclear", "time_implausible", "id_invalid", "no_name"),
        }
    ),
    "contradiction": frozenset(
        {
            *("told_again", "told_differently", "external_id_conflict", "changed_in_odoo", "twin_in_odoo"),
            *("no_twin", "status_untold", "version_contradicts", "told_by_another"),
            "patient_linked",
        }
    ),
    "coverage": frozenset({"coverage_refused"}),
    "ledger": frozenset(
        {
            *("total_differs", "period_locked", "date_moved", "cancelled_in_odoo", "record_missing", "overpaid"),
            *("invoice_not_posted", "not_validated", "refused_by_odoo", "not_importable", "odoo_error"),
            *("charge_differs", "charge_not_voided", "deleted_in_odoo", "future_dated", "exceeds_open"),
            *(
                "exceeds_credit",
                "lots_short",
                "remittance_unbalanced",
                "remittance_differs",
                "claim_unapplied",
                "claim_status",
                "claim_unbalanced",
                "patient_unknown",
                "payer_unknown",
            ),
            *("not_a_month_end",),
        }
    ),
    "undo": frozenset({"charge_paid", "charge_voided", "invoice_paid"}),
    "waiting": frozenset({"event_never_came", "visit_unknown", "approval_overdue"}),
    "outage": frozenset(
        {
            *("unreachable", "no_answer", "busy", "server_error", "unreadable_answer", "connection_lost", "silent"),
            "step_timed_out",
            "answer_too_large",
            *("system_away", "held", "subscriber_disabled"),
        }
    ),
    "configuration": frozenset(
        {
            *("credentials_refused", "access_missing", "not_permitted", "database_unknown", "not_odoo"),
            *("not_understood", "not_prepared", "login_missing", "company_unknown", "unknown_definition"),
            *("cursor_unreadable",),
            *("redirected", "foreign_link", "no_stock", "tax_unknown", "other_company"),
        }
    ),
    "too_many": frozenset({"too_many_refusals", "reconciliation_stopped"}),
    "close": frozenset({"period_incomplete", "period_moving", "period_not_locked"}),
    "notification": frozenset({"notification_undeliverable"}),
    "defect": frozenset({"step_broke", "ingest_broke", "projection_broke", "not_an_event", "not_recorded"}),
}
"""Class of exception: the codes that belong to it."""

OTHER = "ledger"
"""The class of what an outside system refused by a code of its own."""


def class_of(code: str) -> str:
    """The class that an exception's code belongs to."""
    return next((name for name, codes in CLASSES.items() if code in codes), OTHER)


def codes_of(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The codes of a class: those that it has, and those that it hasn't (of the class of all others, whose own are
    without number). Raises `KeyError` where there is no such class."""
    codes = CLASSES[name]
    if name != OTHER:
        return tuple(sorted(codes)), ()
    return (), tuple(sorted(code for other, others in CLASSES.items() if other != OTHER for code in others))


@cache
def page(name: str) -> str:
    """The page of a class, in Markdown. Raises `KeyError` where there is no such class."""
    if name not in CLASSES:
        raise KeyError(name)
    return (_FOLDER / f"{name}.md").read_text(encoding="utf-8")
