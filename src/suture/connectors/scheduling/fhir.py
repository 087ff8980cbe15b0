"""Scheduling over FHIR R4 (https://hl7.org/fhir/R4/http.html): read only, for proof."""

from collections.abc import AsyncIterator
from typing import TypeVar
from urllib.parse import urljoin

import msgspec

from suture.canonical.records import JournalFact
from suture.connectors.guard import Guard
from suture.connectors.http import Answer, HttpClient
from suture.connectors.patience import read_patiently
from suture.connectors.port import Health
from suture.core.failure import Failure, Fatal, Rejected, Retriable

PAGE = "200"

Body = TypeVar("Body")


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    version_id: str = ""


class _Appointment(msgspec.Struct, frozen=True):
    id: str
    status: str
    meta: _Meta = _Meta()


class _Kind(msgspec.Struct, frozen=True, rename="camel"):
    resource_type: str = ""


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

    def __init__(self, name: str, url: str, token: str, *, guard: Guard | None = None, timeout: float = 30) -> None:
        self.name = name
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

    async def facts(self) -> AsyncIterator[JournalFact]:
        """Every appointment; `number` is its id, `state` its FHIR status."""
        path: str | None = f"/Appointment?_count={PAGE}"
        while path is not None:
            bundle = await self._page(path)
            for appointment in self._appointments(bundle):
                yield JournalFact(
                    kind="appointment", key=appointment.id, number=appointment.id, state=appointment.status
                )
            path = self._next(bundle)

    async def _page(self, path: str) -> _Bundle:
        async def read() -> _Bundle:
            return self._read(await self._http.get(path), _Bundle)

        return await read_patiently(read)

    def _appointments(self, bundle: _Bundle) -> list[_Appointment]:
        """The appointments of a page; a search may also answer an OperationOutcome with advice."""
        try:
            resources = [(entry.resource, msgspec.json.decode(entry.resource, type=_Kind)) for entry in bundle.entry]
            return [
                msgspec.json.decode(resource, type=_Appointment)
                for resource, kind in resources
                if kind.resource_type == "Appointment"
            ]
        except msgspec.DecodeError as error:
            raise Rejected(
                "not_fhir",
                f"{self.name} answered an appointment that is not FHIR R4",
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
                f"{self.name} links its next page outside its own address",
                f"Set the address of {self.name} in the catalogue to the one that it calls itself.",
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
            raise Retriable("unreadable_answer", f"{self.name} answered something that is not FHIR R4") from error
