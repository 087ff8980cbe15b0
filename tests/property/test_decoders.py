"""Every contract's decoder keeps what decoders promise, whatever is delivered."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from suture.catalogue import parse
from suture.catalogue.write import template
from suture.connectors.port import LedgerChange
from suture.core.money import Money
from suture.ingest import billing_payment, fhir_appointment, ledger_change
from suture.ingest.decoding import Context
from suture_lab.conformance.decoding import MARK, Contract, DecoderConformance

CONTEXT = Context(
    catalogue=parse(template(), "c.yaml"),
    system="scheduling",
    received_at=datetime(2026, 3, 2, 15, tzinfo=UTC),
    facilities=frozenset({"MAIN"}),
)
PAYMENT = {
    "type": "payment.posted",
    "timestamp": "2026-03-02T15:00:00Z",
    "data": {
        "payment": {
            **{"id": "pay1", "charge_id": "c1", "charge_external_id": "a1", "amount": "30.00", "currency": "USD"},
            **{"received_on": "2026-03-02", "payer": "o1"},
        }
    },
}
CHANGE = LedgerChange(
    kind="invoice",
    what="paid",
    reference="a1",
    record=7,
    at=datetime(2026, 3, 2, 14, tzinfo=UTC),
    version="2026-03-02 14:00:00",
    number="INV/2026/00007",
    state="paid",
    residual=Money.zero("USD"),
)


def rich(notice: Any) -> Any:
    """A notice of two visits, with everything that may stand beside them."""
    told = notice("completed", family=MARK)
    other = notice("completed", appointment="a2", patient="p2", family=MARK)
    by_kind = {entry["resource"]["resourceType"]: entry["resource"] for entry in told["data"]["entry"]}
    by_kind["Appointment"]["contained"] = [{"resourceType": "Location", "id": "in", "identifier": [{"value": "MAIN"}]}]
    by_kind["Appointment"]["participant"].append({"actor": {"reference": "#in"}, "status": "accepted"})
    by_kind["Encounter"] |= {
        "appointment": [{"reference": "Appointment/a1"}],
        "subject": {"reference": "Patient/p1"},
        "participant": [{"individual": {"reference": "PractitionerRole/r"}, "type": [{"coding": [{"code": "PPRF"}]}]}],
        "account": [{"reference": "Account/acc"}],
        "location": [{"location": {"reference": "Location/l1"}, "status": "active"}],
    }
    by_kind["ChargeItem"] |= {"context": {"reference": "Encounter/e1"}, "factorOverride": 0.5, "quantity": {"value": 1}}
    by_kind["Coverage"] |= {"order": 1, "period": {"start": "2026", "end": "2026-12"}, "status": "active"}
    by_kind["Patient"] |= {
        "link": [{"other": {"reference": "Patient/p0"}, "type": "refer"}],
        "address": [{"text": "1"}],
    }
    more = [
        {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "Practitioner/d1"}},
        {
            "resourceType": "Account",
            "id": "acc",
            "coverage": [{"coverage": {"reference": "Coverage/c1"}, "priority": 1}],
            "guarantor": [{"party": {"reference": "RelatedPerson/mum"}}],
        },
        {"resourceType": "RelatedPerson", "id": "mum", "name": [{"family": MARK}]},
    ]
    told["data"]["entry"] += [{"fullUrl": f"urn:uuid:{n}", "resource": one} for n, one in enumerate(more)]
    told["data"]["entry"] += [entry for entry in other["data"]["entry"] if entry["resource"]["id"] in ("a2", "p2")]
    return told


class TestFhirAppointment(DecoderConformance):
    @pytest.fixture
    def contract(self, notice: Any) -> Contract:
        notices = [notice(kind, family=MARK) for kind in ("booked", "completed", "cancelled")]
        return Contract(
            decode=fhir_appointment.decode, context=CONTEXT, examples=tuple(notices), others=(rich(notice),)
        )


class TestBillingPayment(DecoderConformance):
    @pytest.fixture
    def contract(self) -> Contract:
        return Contract(decode=billing_payment.decode, context=CONTEXT, examples=(PAYMENT,))


class TestLedgerChange(DecoderConformance):
    @pytest.fixture
    def contract(self) -> Contract:
        return Contract(
            decode=ledger_change.decode,
            context=msgspec.structs.replace(CONTEXT, system="odoo"),
            examples=(
                msgspec.to_builtins(CHANGE),
                msgspec.to_builtins(msgspec.structs.replace(CHANGE, what="deleted")),
            ),
        )
