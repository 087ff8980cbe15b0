"""What steps work with: the connected systems, the people we know, and the catalogue."""

from dataclasses import dataclass
from typing import TypeVar

from suture.canonical.records import Patient, Payer, Practitioner, RelatedPerson
from suture.catalogue.days import Days
from suture.catalogue.model import Catalogue, ServiceIndex
from suture.connectors.port import Billing, Ledger
from suture.core.failure import Rejected
from suture.processes.closing import Closing
from suture.store.parties import Parties, kind_of
from suture.store.periods import Calendar


@dataclass(frozen=True)
class Toolbox:
    """Handed to every step. `days` say on which day a visit falls; the `calendar` says on which day it is booked."""

    billing: Billing
    ledger: Ledger
    parties: Parties
    catalogue: Catalogue
    services: ServiceIndex
    days: Days
    calendar: Calendar
    closing: Closing

    def ledger_of(self, facility: str | None) -> Ledger:
        """The books in which a facility is."""
        return self.ledger.of_company(self.catalogue.company_of(facility))

    async def patient(self, reference: str) -> Patient:
        return _expect(await self.parties.get(reference), Patient, reference)

    async def practitioner(self, reference: str) -> Practitioner:
        return _expect(await self.parties.get(reference), Practitioner, reference)

    async def guarantor(self, reference: str) -> Patient | RelatedPerson:
        """Who answers for a patient's bill."""
        if kind_of(reference) == "Patient":
            return await self.patient(reference)
        return _expect(await self.parties.get(reference), RelatedPerson, reference)

    async def payer(self, reference: str) -> Payer:
        return _expect(await self.parties.get(reference), Payer, reference)


P = TypeVar("P")


def _expect(party: object, kind: type[P], reference: str) -> P:
    if isinstance(party, kind):
        return party
    raise Rejected(
        "party_unknown",
        f"{reference} is unknown: no system has sent this record",
        "Have the scheduling system send the record again (with any of its events), then retry the exception.",
    )
