"""What the scheduling system knows by now, and how it words it: searchsets, collections, notices.

People and places never change during a day, so their JSON is made once and reused in every bundle.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from suture.simulators.clinic.day import ClinicDay
from suture.simulators.observed import Journal
from suture.simulators.scheduling import resources
from suture.simulators.scheduling.story import Happening

BASE = "https://scheduling.example/fhir"
"""The address that full URLs name. It is fixed, so that a notice's body is the same on every run."""

_encoder = msgspec.json.Encoder(decimal_format="number")


def to_json(tree: Any) -> bytes:
    """FHIR's JSON: a decimal is a number that keeps its digits."""
    return _encoder.encode(tree)


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

    def read(self, kind: str, record_id: str) -> Any | None:
        """The resource ``kind/record_id`` as it stands, or None where there is none."""
        if kind == "Appointment":
            happening = self._now.get(record_id)
            return None if happening is None else resources.appointment(happening)
        if kind == "Encounter":
            happening = self._now.get(record_id)
            return resources.encounter(happening.plan) if happening and happening.step == "completed" else None
        return self._fixed.get(f"{kind}/{record_id}")

    def appointments(self, offset: int, count: int) -> tuple[list[resources.Resource], int]:
        """A page of appointments in the order of their booking, and how many there are."""
        known = list(self._now.values())
        return [resources.appointment(happening) for happening in known[offset : offset + count]], len(known)

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
