"""What the simulator's testimony calls a document."""

import pytest

from suture.core.ids import external_name
from suture_lab.simulators.odoo.witness import kind_of

from .test_odoo_simulator import Desk, desk

__all__ = ["desk"]


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("invoice", "A1"),
        ("invoice", "patient_1"),
        ("invoice_patient", "1"),
        ("accrual", "reversal-7"),
        ("accrual_reversal", "7"),
        ("remittance", "era/3"),
        ("credit_part", "A1-2"),
        ("unbilled_reversal", "2026-03"),
    ],
)
def test_our_external_id_says_the_kind(kind: str, key: str) -> None:
    assert kind_of(f"suture.{external_name(kind, key)}", key) == kind


@pytest.mark.parametrize(
    ("external_id", "kind"),
    [
        ("suture.picking_A1", "stock"),
        ("suture.picking_return_A1", "stock_return"),
        ("suture.invoice_patient_A1", "invoice_patient"),
        ("suture.novelty_A1", None),
        ("", None),
    ],
)
def test_without_its_key_the_longest_beginning_counts(external_id: str, kind: str | None) -> None:
    assert kind_of(external_id, "edited") == kind


def test_a_remittance_is_no_payment_although_it_touches_receivables(desk: Desk) -> None:
    entry = desk.paying(50, ref="era")
    desk.db.store.name("suture.remittance_era", "account.move", entry, noupdate=True)
    stranger = desk.paying(5, ref="cash")
    standing = {document.key: document.kind for document in desk.server.witness.standing()}
    assert standing == {"era": "remittance", "cash": "payment"}
    assert stranger
