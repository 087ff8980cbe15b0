"""Who documents name, with no more than a bill needs."""

from typing import Literal

import msgspec

from suture.canonical.records import Patient

Role = Literal["patient", "payer", "guarantor", "practitioner", "supplier"]


class LedgerPartner(msgspec.Struct, frozen=True, kw_only=True):
    """A contact in the ledger: who owes (a payer, a patient, a guarantor) or is owed (a practitioner, a supplier).

    `reference` is ours, such as ``Payer/P1``. A supplier is the ledger's own to change: it is created where it is
    missing and never written again.
    """

    reference: str
    name: str
    is_company: bool
    role: Role = "payer"
    street: str | None = None
    city: str | None = None
    postal_code: str | None = None
    country: str | None = None

    @classmethod
    def of_patient(cls, patient: Patient) -> "LedgerPartner":
        return cls(
            reference=patient.reference,
            name=f"{patient.given} {patient.family}".strip(),
            is_company=False,
            role="patient",
            street=patient.address_line,
            city=patient.city,
            postal_code=patient.postal_code,
            country=patient.country,
        )


class Discrepancy(msgspec.Struct, frozen=True, kw_only=True):
    """A record of ours that a person changed or deleted in the ledger: what we would write was not written.

    `fields` are Odoo's field names, never their content.
    """

    reference: str
    model: str
    what: Literal["changed", "deleted"]
    fields: tuple[str, ...] = ()


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A contact as it stands: the ledger's id, and what of it a person changed there."""

    reference: str
    partner: int
    discrepancy: Discrepancy | None = None
