"""Billing over REST. Writes carry the appointment as external id, so doing one again changes nothing."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import TypeVar
from urllib.parse import quote

import msgspec

from suture.canonical.records import Charge, Eligibility, EligibilityStatus, JournalFact, Visit
from suture.connectors.billing import wire
from suture.connectors.guard import Guard
from suture.connectors.http import Answer, HttpClient
from suture.connectors.port import Health, Span
from suture.connectors.port.connecting import Connecting
from suture.connectors.read_retry import read_patiently
from suture.core.failure import Failure, Fatal, Rejected, Retriable, Unknown

PAGE = "500"
_CODE = re.compile(r"[a-z][a-z_]{0,39}")

Body = TypeVar("Body")
Page = TypeVar("Page", wire.ChargePage, wire.ClaimPage, wire.PaymentPage)

_REMEDIES = {
    "external_id_conflict": "The appointment changed after it was charged: void its charge or correct the appointment.",
    "charge_voided": "The charge was voided by a person or an undone process; capture a corrected one in billing.",
    "charge_paid": "The charge has payments: refund them in billing, then retry the exception.",
    "unknown_code": "Add the service to billing's price list, or correct the catalogue's code table.",
    "no_lines": "The completed appointment names no service: add one in scheduling, or mark it as not to be billed.",
}
_REMEDY = "Correct the record that the message names, then retry the exception."


class RestBilling:
    """The port `Billing` over the platform's REST API. `url` is its root, `currency` what it must bill in."""

    def __init__(
        self, name: str, url: str, token: str, currency: str, *, guard: Guard | None = None, timeout: float = 30
    ) -> None:
        self.name = name
        self._currency = currency
        headers = {"Authorization": f"Bearer {token}"}
        self._http = HttpClient(name, url, headers=headers, guard=guard, timeout=timeout)

    async def close(self) -> None:
        await self._http.close()

    async def health(self) -> Health:
        try:
            about = self._read(await self._http.get("/v1/about"), wire.About)
        except Failure as failure:
            reachable = failure.code not in ("unreachable", "no_answer")
            return Health(system=self.name, reachable=reachable, remedies=(failure.remedy or failure.message,))
        return Health(system=self.name, reachable=True, version=f"{about.name} {about.version}".strip())

    async def ping(self) -> None:
        self._read(await self._http.get("/v1/about"), wire.About)

    async def check_eligibility(self, visit: Visit, on: date) -> Eligibility:
        """The payer's answer. A visit without a payer has nothing to ask: it is verified as self-pay."""
        if visit.payer is None:
            return Eligibility(status=EligibilityStatus.VERIFIED, payer=None, reason="self_pay")
        request = wire.eligibility_request(visit, visit.payer, on)
        answer = self._read(await self._http.post("/v1/eligibility", request, reading=True), wire.WireEligibility)
        status = wire.ELIGIBILITY.get(answer.status, EligibilityStatus.UNKNOWN)
        return Eligibility(status=status, payer=visit.payer, reason=_as_code(answer.reason))

    async def capture_charge(self, visit: Visit, on: date) -> Charge:
        answer = await self._http.post("/v1/charges", wire.charge_request(visit, on))
        charge = self._written(answer, wire.WireCharge)
        differs = wire.difference(visit, charge, self._currency)
        if differs is not None:
            raise Rejected(
                "charge_differs",
                f"{self.name} captured {visit.appointment} as {charge.id} with a different {differs}",
                f"Compare charge {charge.id} with the appointment; void the charge or correct the price list.",
            )
        return wire.charge_of(charge)

    async def check_voidable(self, number: str) -> None:
        charge = self._read(await self._http.get(f"/v1/charges/{quote(number, safe='')}"), wire.WireCharge)
        if charge.paid and charge.status != "voided":
            raise Rejected(
                "charge_paid",
                f"{self.name} has payments of {charge.paid} {charge.currency} on charge {number}",
                _REMEDIES["charge_paid"],
            )

    async def void_charge(self, appointment: str, number: str = "") -> str:
        number = number or await self._number_of(appointment)
        if not number:
            return ""
        answer = await self._http.post(f"/v1/charges/{quote(number, safe='')}/void", {})
        charge = self._written(answer, wire.WireCharge)
        if charge.status != "voided" or charge.external_id != appointment:
            raise Rejected(
                "charge_not_voided",
                f"{self.name} reports charge {number} of {appointment} as {charge.status}",
                f"Void charge {number} in billing.",
            )
        return number

    async def _number_of(self, appointment: str) -> str:
        """The number of the charge that was captured for an appointment, where there is one."""
        answer = await self._http.get("/v1/charges", external_id=appointment)
        found = self._read(answer, wire.ChargePage).charges
        return found[0].id if found else ""

    async def facts(self, span: Span | None = None) -> AsyncIterator[JournalFact]:
        """Every charge, voided ones included, then every claim, then every payment."""
        async for charges in self._pages("/v1/charges", wire.ChargePage, _days("service_date", span)):
            for charge in charges.charges:
                yield wire.charge_fact(charge)
        async for claims in self._pages("/v1/claims", wire.ClaimPage, _days("submitted", span)):
            for claim in claims.claims:
                yield wire.claim_fact(claim)
        async for payments in self._pages("/v1/payments", wire.PaymentPage, _days("received", span)):
            for payment in payments.payments:
                yield wire.payment_fact(payment)

    async def facts_of(self, appointments: Sequence[str]) -> AsyncIterator[JournalFact]:
        for appointment in appointments:
            async for charges in self._pages("/v1/charges", wire.ChargePage, {"external_id": appointment}):
                for charge in charges.charges:
                    yield wire.charge_fact(charge)
            async for claims in self._pages("/v1/claims", wire.ClaimPage, {"external_id": appointment}):
                for claim in claims.claims:
                    yield wire.claim_fact(claim)
            async for payments in self._pages("/v1/payments", wire.PaymentPage, {"charge_external_id": appointment}):
                for payment in payments.payments:
                    yield wire.payment_fact(payment)

    async def refetch(self, payment: str) -> bytes | None:
        answer = await self._http.get(f"/v1/payments/{quote(payment, safe='')}")
        if answer.status == 404:
            return None
        return wire.payment_notice(self._read(answer, wire.WirePayment))

    async def _pages(self, path: str, kind: type[Page], parameters: Mapping[str, str]) -> AsyncIterator[Page]:
        cursor: str | None = "0"
        while cursor is not None:
            page = await self._page(path, cursor, kind, parameters)
            cursor = page.next
            yield page

    async def _page(self, path: str, cursor: str, kind: type[Page], parameters: Mapping[str, str]) -> Page:
        async def read() -> Page:
            return self._read(await self._http.get(path, after=cursor, limit=PAGE, **parameters), kind)

        return await read_patiently(read)

    def _read(self, answer: Answer, kind: type[Body]) -> Body:
        """The body of a reading call, where not having been understood costs only another attempt."""
        self._refuse(answer)
        if answer.status >= 500:
            raise Retriable("server_error", f"{self.name} failed ({answer.status})")
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except msgspec.DecodeError as error:
            raise Retriable(
                "unreadable_answer", f"{self.name} returned a response that does not match its API"
            ) from error

    def _written(self, answer: Answer, kind: type[Body]) -> Body:
        """The body of a writing call. Without a clear answer it may have happened; the external id guards the next."""
        self._refuse(answer)
        if answer.status >= 500:
            raise Unknown("server_error", f"{self.name} failed ({answer.status}) without saying whether it acted")
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except msgspec.DecodeError as error:
            raise Unknown(
                "unreadable_answer",
                f"{self.name} accepted the call but returned a response that does not match its API",
            ) from error

    def _refuse(self, answer: Answer) -> None:
        """Raise what a 4xx means. The platform's own words stay out: they might repeat what was sent."""
        if answer.status == 403:
            raise Fatal(
                "not_permitted",
                f"{self.name} does not permit this call (403)",
                f"Give Suture's account at {self.name} the right to read and write charges.",
            )
        if not 400 <= answer.status < 500:
            return
        code = _error_code(answer) or f"refused_{answer.status}"
        raise Rejected(code, f"{self.name} refused the call: {code} ({answer.status})", _REMEDIES.get(code, _REMEDY))


def _days(field: str, span: Span | None) -> dict[str, str]:
    if span is None:
        return {}
    return {f"{field}_from": span.first.isoformat(), f"{field}_to": span.last.isoformat()}


def _as_code(reason: str) -> str:
    """A reason if it is a code; free text could name a patient, and reasons travel in the clear."""
    return reason if _CODE.fullmatch(reason) else ""


def _error_code(answer: Answer) -> str:
    try:
        return msgspec.json.decode(answer.body, type=wire.ErrorBody).error.code
    except msgspec.DecodeError:
        return ""


def connect(to: Connecting) -> RestBilling:
    """The billing platform that a catalogue describes."""
    return RestBilling(to.name, to.url, to.secret, to.currency, guard=to.guard, timeout=to.timeout)
