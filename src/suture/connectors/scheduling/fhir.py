"""Scheduling over FHIR R4 (https://hl7.org/fhir/R4/http.html): read only, for proof and for what got lost."""

import re
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, TypeVar
from urllib.parse import quote, urlencode, urljoin

import msgspec

from suture.canonical.records import JournalFact
from suture.catalogue.days import Days
from suture.codecs import fhir
from suture.connectors.guard import Guard
from suture.connectors.http import Answer, HttpClient
from suture.connectors.port import Health, Span
from suture.connectors.port.connecting import Connecting
from suture.connectors.read_retry import read_patiently
from suture.core.failure import Failure, Fatal, Rejected, Retriable

PAGE = "200"
_DEEPEST = 12
"""How many places may lie around another, as where deliveries are read."""

_RECORD = re.compile(r"[A-Z][A-Za-z]{2,40}/[A-Za-z0-9\-._]{1,64}")

Body = TypeVar("Body")


_LONGEST_VISIT = timedelta(hours=12)
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]

_TYPES = {
    "booked": "booked",
    "arrived": "arrived",
    "fulfilled": "completed",
    "cancelled": "cancelled",
    "noshow": "noshow",
}
"""FHIR's status: what a delivery about it is called."""

_WITH = (
    *(("_include", f"Appointment:{of}") for of in ("patient", "practitioner", "location")),
    ("_revinclude", "Encounter:appointment"),
    ("_revinclude:iterate", "ChargeItem:context"),
    *(("_include:iterate", of) for of in ("Encounter:participant", "Encounter:location", "Location:partof")),
)
"""The search that answers an appointment with people, place, encounter and charge items, and with who came and where it
took place by the encounter (FHIR R4's parameters)."""


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    version_id: str = ""
    last_updated: _Instant | None = None


class _ActorReference(msgspec.Struct, frozen=True):
    reference: str = ""


class _Participant(msgspec.Struct, frozen=True):
    actor: _ActorReference = _ActorReference()


class _Appointment(msgspec.Struct, frozen=True):
    id: str
    status: str
    meta: _Meta = _Meta()
    start: _Instant | None = None
    end: _Instant | None = None
    participant: tuple[_Participant, ...] = ()


class _Kind(msgspec.Struct, frozen=True, rename="camel"):
    resource_type: str = ""


class _AccountCoverage(msgspec.Struct, frozen=True):
    coverage: _ActorReference = _ActorReference()


class _Paying(msgspec.Struct, frozen=True):
    """What leads from a visit to who pays: Encounter.account, Account.coverage, Coverage.payor."""

    account: tuple[_ActorReference, ...] = ()
    coverage: tuple[_AccountCoverage, ...] = ()
    payor: tuple[_ActorReference, ...] = ()

    def references(self) -> list[str]:
        return [one.reference for one in (*self.account, *(c.coverage for c in self.coverage), *self.payor)]


class _Entry(msgspec.Struct, frozen=True):
    resource: msgspec.Raw


class _Link(msgspec.Struct, frozen=True):
    relation: str
    url: str


class _Bundle(msgspec.Struct, frozen=True):
    entry: tuple[_Entry, ...] = ()
    link: tuple[_Link, ...] = ()


class _Software(msgspec.Struct, frozen=True):
    name: str = ""
    version: str = ""


class _CapabilityStatement(msgspec.Struct, frozen=True, rename="camel"):
    fhir_version: str
    software: _Software = _Software()


class FhirScheduling:
    """The port `Scheduling` over a FHIR R4 server. `url` is the service base, for example ``https://host/fhir``."""

    def __init__(
        self,
        name: str,
        url: str,
        token: str,
        *,
        guard: Guard | None = None,
        timeout: float = 30,
        days: Days | None = None,
        facilities: Collection[str] = (),
    ) -> None:
        """`days` say on which day something falls at a facility; without them it is UTC's. `facilities` are the codes
        by which places are known, as they are where deliveries are read."""
        self.name = name
        self._days = days
        self._facilities = frozenset(facilities)
        self._base = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"}
        self._http = HttpClient(name, url, headers=headers, guard=guard, timeout=timeout)

    async def close(self) -> None:
        await self._http.close()

    async def health(self) -> Health:
        try:
            statement = self._read(await self._http.get("/metadata"), _CapabilityStatement)
        except Failure as failure:
            reachable = failure.code not in ("unreachable", "no_answer")
            return Health(system=self.name, reachable=reachable, remedies=(failure.remedy or failure.message,))
        software = f"{statement.software.name} {statement.software.version}".strip()
        return Health(system=self.name, reachable=True, version=f"{software} (FHIR {statement.fhir_version})".strip())

    async def ping(self) -> None:
        """A search for one appointment: a FHIR server tells its capabilities to anyone."""
        self._read(await self._http.get("/Appointment?_count=1&_elements=id"), msgspec.Raw)

    async def facts(self, span: Span | None = None) -> AsyncIterator[JournalFact]:
        """Every appointment; `number` is its id, `state` its FHIR status, `day` the one on which it is to end.

        FHIR searches by when an appointment starts, which for the first of a span's may be on the day before."""
        bounds: tuple[tuple[str, str], ...] = ()
        if span is not None:
            begin, end = self._moments(span)
            bounds = (("date", f"ge{(begin - _LONGEST_VISIT).isoformat()}"), ("date", f"lt{end.isoformat()}"))
        async for fact in self._facts((("_count", PAGE), *bounds)):
            yield fact

    async def facts_of(self, appointments: Sequence[str]) -> AsyncIterator[JournalFact]:
        for first in range(0, len(appointments), int(PAGE)):
            some = appointments[first : first + int(PAGE)]
            async for fact in self._facts((("_count", PAGE), ("_id", ",".join(some)))):
                yield fact

    async def refetch(self, appointment: str) -> bytes | None:
        """A delivery's body by contract ``fhir-appointment.v1``: the appointment with people, place and charge items,
        and who pays for the visit."""
        bundle = await self._page(f"/Appointment?{urlencode((('_id', appointment), *_WITH))}")
        found = self._appointments(bundle)
        if not found:
            return None
        told, at = _TYPES.get(found[0].status), found[0].meta.last_updated or found[0].start
        if told is None or at is None:
            raise Rejected(
                "status_untold",
                f"{self.name} has {appointment} as {found[0].status}, for which Suture can't create a delivery",
                "Suture does not process an appointment in this state: correct it there, or accept the discrepancy.",
            )
        entries = [*bundle.entry, *[_Entry(resource) async for resource in self._payers(bundle)]]
        data = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        return msgspec.json.encode({"type": f"appointment.{told}", "timestamp": at, "data": data})

    async def _payers(self, bundle: _Bundle) -> AsyncIterator[msgspec.Raw]:
        """The Account of the encounter, its Coverage and the Organization behind it, as far as there are any."""
        due = [entry.resource for entry in bundle.entry if _kind(entry.resource) == "Encounter"]
        while due:
            paths = (self._path(one) for one in msgspec.json.decode(due.pop(), type=_Paying).references())
            for path in filter(None, paths):
                resource = await self._resource(path)
                if _kind(resource) != "Organization":
                    due.append(resource)
                yield resource

    def _path(self, reference: str) -> str:
        """Where a reference leads at this server; nowhere where it displays a name, is contained, or another's."""
        path = reference.removeprefix(f"{self._base}/").partition("/_history/")[0]
        return path if _RECORD.fullmatch(path) else ""

    async def _resource(self, reference: str) -> msgspec.Raw:
        async def read() -> msgspec.Raw:
            return self._read(await self._http.get(f"/{quote(reference)}"), msgspec.Raw)

        return await read_patiently(read)

    async def _facts(self, parameters: Sequence[tuple[str, str]]) -> AsyncIterator[JournalFact]:
        path: str | None = f"/Appointment?{urlencode(parameters, safe=',', quote_via=quote)}"
        places: dict[str, str | None] = {}
        while path is not None:
            bundle = await self._page(path)
            for appointment in self._appointments(bundle):
                yield self._fact(appointment, await self._facility(appointment, places))
            path = self._next(bundle)

    async def _facility(self, appointment: _Appointment, places: dict[str, str | None]) -> str | None:
        """The catalogue's code of where an appointment is. Each place is read once a reading, kept in `places`."""
        for participant in appointment.participant:
            kind, _, identity = participant.actor.reference.partition("/_history/")[0].rpartition("/")
            if kind.rpartition("/")[2] == "Location" and identity:
                if identity not in places:
                    places[identity] = await self._placed(identity)
                if places[identity] is not None:
                    return places[identity]
        return None

    async def _placed(self, identity: str) -> str | None:
        """The code of a place, or of the nearest around it that the catalogue knows; None where it can't be told."""
        if not self._facilities:
            return identity
        here = identity
        for _ in range(_DEEPEST):
            location = await self._location(here)
            known = [code for code in fhir.place_codes(location, here) if code in self._facilities]
            if known:
                return known[0]
            around = location.part_of.reference.partition("/_history/")[0] if location is not None else ""
            kind, _, here = around.rpartition("/")
            if kind.rpartition("/")[2] != "Location" or not here:
                return None
        return None

    async def _location(self, identity: str) -> fhir.Location | None:
        try:
            resource = await self._resource(f"Location/{identity}")
            return msgspec.json.decode(resource, type=fhir.Location)
        except (Rejected, msgspec.DecodeError):  # it can't be read there: its id is all that is known
            return None

    def _fact(self, appointment: _Appointment, place: str | None) -> JournalFact:
        return JournalFact(
            kind="appointment",
            key=appointment.id,
            number=appointment.id,
            state=appointment.status,
            day=self._day(appointment, place),
            facility=place,
            changed_at=appointment.meta.last_updated,
        )

    def _day(self, appointment: _Appointment, facility: str | None) -> date | None:
        """The day as planned; of a visit that was told, reconciliation knows when it did end."""
        ends = appointment.end or appointment.start
        if ends is None:
            return None
        return self._days.on(ends, facility) if self._days else ends.astimezone(UTC).date()

    def _moments(self, span: Span) -> tuple[datetime, datetime]:
        if self._days:
            return self._days.moments(span.first, span.last)
        end = datetime.combine(span.last + timedelta(days=1), time(), UTC)
        return datetime.combine(span.first, time(), UTC), end

    async def _page(self, path: str) -> _Bundle:
        async def read() -> _Bundle:
            return self._read(await self._http.get(path), _Bundle)

        return await read_patiently(read)

    def _appointments(self, bundle: _Bundle) -> list[_Appointment]:
        """The appointments of a page; a search may also answer an OperationOutcome with advice."""
        try:
            return [
                msgspec.json.decode(entry.resource, type=_Appointment)
                for entry in bundle.entry
                if _kind(entry.resource) == "Appointment"
            ]
        except msgspec.DecodeError as error:
            raise Rejected(
                "not_fhir",
                f"{self.name} returned an appointment that is not FHIR R4",
                f"Ask {self.name}'s vendor: Appointment.id and Appointment.status are required.",
            ) from error

    def _next(self, bundle: _Bundle) -> str | None:
        """The next page's path below the base. A link elsewhere is not followed: the token would go along."""
        url = next((link.url for link in bundle.link if link.relation == "next"), None)
        if url is None:
            return None
        absolute = urljoin(f"{self._base}/Appointment", url)
        if not absolute.startswith(f"{self._base}/"):
            raise Fatal(
                "foreign_link",
                f"{self.name} links its next page to an address outside its own",
                f"Set the address of {self.name} in the catalogue to the one that its links use.",
            )
        return absolute.removeprefix(self._base)

    def _read(self, answer: Answer, kind: type[Body]) -> Body:
        if answer.status == 403:
            raise Fatal(
                "not_permitted",
                f"{self.name} does not permit this call (403)",
                f"Give Suture's account at {self.name} the right to read appointments.",
            )
        if answer.status >= 500:
            raise Retriable("server_error", f"{self.name} failed ({answer.status})")
        if answer.status >= 400:
            raise Rejected(
                f"refused_{answer.status}",
                f"{self.name} refused a search ({answer.status})",
                f"Check that the address of {self.name} in the catalogue is its FHIR R4 base.",
            )
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except msgspec.DecodeError as error:
            raise Retriable("unreadable_answer", f"{self.name} returned a response that is not FHIR R4") from error


def _kind(resource: msgspec.Raw) -> str:
    return msgspec.json.decode(resource, type=_Kind).resource_type


def connect(to: Connecting) -> FhirScheduling:
    """The scheduling system that a catalogue describes."""
    return FhirScheduling(
        to.name, to.url, to.secret, guard=to.guard, timeout=to.timeout, days=to.days, facilities=to.facilities
    )
