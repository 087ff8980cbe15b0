"""What the scheduling system knows by now, and how it words it: searchsets, collections, notices.

People and places never change during a day, so their JSON is made once and reused in every bundle.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from suture_lab.simulators.clinic.day import AppointmentPlan, ClinicDay
from suture_lab.simulators.observed import Journal
from suture_lab.simulators.scheduling import resources
from suture_lab.simulators.scheduling.story import Happening

BASE = "https://scheduling.example/fhir"
"""The address that full URLs name. It is fixed, so that a notice's body is the same on every run."""

_encoder = msgspec.json.Encoder(decimal_format="number")


def to_json(tree: Any) -> bytes:
    """FHIR's JSON: a decimal is a number that keeps its digits."""
    return _encoder.encode(tree)


class Search(msgspec.Struct, frozen=True):
    """A search for appointments: by id, and by when they start (``[since, until)``)."""

    ids: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None

    def wants(self, start: datetime) -> bool:
        return (self.since is None or start >= self.since) and (self.until is None or start < self.until)


class Register:
    """Appointments as they stand, by happenings recorded so far; and the notices about them."""

    def __init__(self, day: ClinicDay) -> None:
        self.journal = Journal("scheduling")
        self._day = day
        self._services = {service.code: service for service in day.services}
        self._now: dict[str, Happening] = {}
        self._fixed: dict[str, msgspec.Raw] = {}
        self._keep("Patient", (resources.patient(patient) for patient in day.patients))
        self._keep("Practitioner", (resources.practitioner(practitioner) for practitioner in day.practitioners))
        self._keep("Location", (resources.location(facility) for facility in day.facilities))
        self._keep("Organization", (resources.organization(payer) for payer in day.payers))

    def record(self, happening: Happening) -> None:
        self._now[happening.plan.id] = happening
        self.journal.saw(f"appointment.{happening.step}", happening.plan.id, number=str(happening.version))

    def lose(self, appointment: str) -> None:
        """Have somebody delete an appointment behind everyone's back."""
        self._now.pop(appointment, None)

    def read(self, kind: str, record_id: str) -> Any | None:
        """The resource ``kind/record_id`` as it stands, or None where there is none."""
        if kind == "Appointment":
            happening = self._now.get(record_id)
            return None if happening is None else resources.appointment(happening)
        if kind in ("Encounter", "Account", "Coverage"):
            happening = self._now.get(record_id.removesuffix("-cov"))
            completed = happening.plan if happening and happening.step == "completed" else None
            return None if completed is None else _of_visit(kind, completed)
        return self._fixed.get(f"{kind}/{record_id}")

    def appointments(self, search: Search, offset: int, count: int) -> tuple[list[resources.Resource], int]:
        """A page of appointments in the order of their booking, and how many there are that the search is for."""
        known = [happening for happening in self._candidates(search) if search.wants(happening.start)]
        return [resources.appointment(happening) for happening in known[offset : offset + count]], len(known)

    def _candidates(self, search: Search) -> Iterable[Happening]:
        if search.ids is None:
            return list(self._now.values())
        return [self._now[record_id] for record_id in search.ids if record_id in self._now]

    def about(self, appointment: str) -> list[Any]:
        """What an appointment names and what names it: people, place, encounter and charge items."""
        happening = self._now[appointment]
        paying = ("Account/", "Coverage/", "Organization/")
        return [tree for url, tree in self._about(happening) if not url.removeprefix(f"{BASE}/").startswith(paying)][1:]

    def notice(self, happening: Happening) -> bytes:
        """The webhook's body about `happening`: everything a consumer needs, so that it need not call back."""
        at = resources.instant(happening.at)
        bundle = {
            "resourceType": "Bundle",
            "id": happening.id,
            "type": "collection",
            "timestamp": at,
            "entry": [{"fullUrl": url, "resource": resource} for url, resource in self._about(happening)],
        }
        return to_json({"type": f"appointment.{happening.step}", "timestamp": at, "data": bundle})

    def _about(self, happening: Happening) -> Iterable[tuple[str, Any]]:
        plan = happening.plan
        yield _entry(resources.appointment(happening))
        yield self._entry_of(f"Patient/{plan.patient}")
        yield self._entry_of(f"Practitioner/{plan.practitioner}")
        yield self._entry_of(f"Location/{plan.facility}")
        if happening.step != "completed":
            return
        yield _entry(resources.encounter(plan))
        if plan.payer is not None:
            yield _entry(resources.account(plan))
            yield _entry(resources.coverage(plan))
            yield self._entry_of(f"Organization/{plan.payer}")
        for item in resources.charge_items(plan, self._services, self._day):
            yield _entry(item)

    def _keep(self, kind: str, trees: Iterable[resources.Resource]) -> None:
        self._fixed.update((f"{kind}/{tree['id']}", msgspec.Raw(to_json(tree))) for tree in trees)

    def _entry_of(self, reference: str) -> tuple[str, msgspec.Raw]:
        return f"{BASE}/{reference}", self._fixed[reference]


def _entry(tree: resources.Resource) -> tuple[str, resources.Resource]:
    return f"{BASE}/{tree['resourceType']}/{tree['id']}", tree


def _of_visit(kind: str, plan: AppointmentPlan) -> resources.Resource | None:
    if kind == "Encounter":
        return resources.encounter(plan)
    if plan.payer is None:
        return None
    return resources.account(plan) if kind == "Account" else resources.coverage(plan)
