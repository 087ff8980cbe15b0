"""Who documents name, with no more than a bill needs."""

from typing import Literal

import msgspec

from suture.canonical.records import Patient, RelatedPerson

Role = Literal["patient", "payer", "guarantor", "practitioner", "supplier"]


class LedgerPartner(msgspec.Struct, frozen=True, kw_only=True):
    """A contact in the ledger: who owes (a payer, a patient, a guarantor) or is owed (a practitioner, a supplier).

    `reference` is ours, such as ``Payer/P1``. A supplier is the ledger's own to change, and what is `hearsay` was told
    by another than its owner: either is created where it is missing and never written again. `country` is an ISO 3166-1
    alpha-2 code, `state` its state's own (``NY``).
    """

    reference: str
    name: str
    is_company: bool
    role: Role = "payer"
    street: str | None = None
    city: str | None = None
    postal_code: str | None = None
    country: str | None = None
    state: str | None = None
    hearsay: bool = False

    @property
    def may_be_written(self) -> bool:
        """Whether what is told here may change a contact that stands."""
        return self.role != "supplier" and not self.hearsay

    @classmethod
    def of_patient(cls, patient: Patient) -> "LedgerPartner":
        return cls.of_person(patient, "patient")

    @classmethod
    def of_person(cls, person: Patient | RelatedPerson, role: Role) -> "LedgerPartner":
        return cls(
            reference=person.reference,
            name=f"{person.given} {person.family}".strip(),
            is_company=False,
            role=role,
            street=person.address_line,
            city=person.city,
            postal_code=person.postal_code,
            country=person.country,
            state=person.state,
        )


class PartyDiscrepancy(msgspec.Struct, frozen=True, kw_only=True):
    """A record of ours that a person changed or deleted in the ledger: what we would write was not written.

    `fields` are the ledger's field names, never their content.
    """

    reference: str
    model: str
    what: Literal["changed", "deleted"]
    fields: tuple[str, ...] = ()


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A contact as it stands: the ledger's id, and what of it a person changed there."""

    reference: str
    partner: int
    discrepancy: PartyDiscrepancy | None = None
