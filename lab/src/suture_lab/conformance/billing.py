"""The behaviour that every billing platform shows, as tests: a connector's test module subclasses
`BillingConformance`."""

import asyncio
from datetime import date
from typing import Protocol

import msgspec
import pytest

from suture.canonical.records import Charge, EligibilityStatus, ServiceLine, Visit
from suture.connectors.port import Billing
from suture.core.failure import Fatal, Rejected, Retriable

NOWHERE = "http://127.0.0.1:1"


class Platform(Protocol):
    """A billing platform. `visit` is one that it would take, of this `day`; nothing is paid of it for a minute."""

    visit: Visit
    day: date

    def connect(self, *, credential: str | None = None, url: str | None = None) -> Billing:
        """A new connector to it; with another credential or address than the right ones, where they are given. Whoever
        asks for it closes it."""
        ...


async def charges(billing: Billing) -> list[tuple[str, str]]:
    """What it holds of charges: whose, and in which state."""
    return [(fact.key, fact.state) async for fact in billing.facts() if fact.kind == "charge"]


class BillingConformance:
    """Needs one fixture, `platform`: a `Platform`, another for each test."""

    async def test_a_charge_is_captured_once(self, platform: Platform) -> None:
        billing, visit = platform.connect(), platform.visit
        charge = await billing.capture_charge(visit, platform.day)
        assert charge.appointment == visit.appointment
        assert [line.service for line in charge.lines] == [line.service for line in visit.lines]
        assert await billing.capture_charge(visit, platform.day) == charge
        (held,) = await charges(billing)
        await billing.close()
        assert held[0] == visit.appointment

    async def test_calls_at_once_capture_one_charge(self, platform: Platform) -> None:
        billing = platform.connect()
        told: list[Charge] = await asyncio.gather(
            *(billing.capture_charge(platform.visit, platform.day) for _ in range(10))
        )
        held = await charges(billing)
        await billing.close()
        assert (len({charge.number for charge in told}), len(held)) == (1, 1)

    async def test_voiding_twice_is_voiding_once(self, platform: Platform) -> None:
        billing, visit = platform.connect(), platform.visit
        charge = await billing.capture_charge(visit, platform.day)
        await billing.check_voidable(charge.number)
        for _ in range(2):
            assert await billing.void_charge(visit.appointment, charge.number) == charge.number
        assert await charges(billing) == [(visit.appointment, "voided")]
        with pytest.raises(Rejected) as caught:
            await billing.capture_charge(visit, platform.day)
        await billing.close()
        assert caught.value.code == "charge_voided"

    async def test_a_charge_is_voided_by_its_appointment_where_its_number_is_not_known(
        self, platform: Platform
    ) -> None:
        billing, visit = platform.connect(), platform.visit
        assert await billing.void_charge(visit.appointment) == "", "there is nothing to void"
        charge = await billing.capture_charge(visit, platform.day)
        assert await billing.void_charge(visit.appointment) == charge.number
        held = await charges(billing)
        await billing.close()
        assert held == [(visit.appointment, "voided")]

    async def test_a_refusal_says_what_must_change_and_names_no_patient(self, platform: Platform) -> None:
        billing = platform.connect()
        visit = msgspec.structs.replace(platform.visit, lines=(ServiceLine(service="NO-SUCH-SERVICE"),))
        with pytest.raises(Rejected) as caught:
            await billing.capture_charge(visit, platform.day)
        await billing.close()
        assert (caught.value.code, bool(caught.value.remedy)) == ("unknown_code", True)
        assert visit.patient not in str(caught.value)

    async def test_a_visit_without_a_payer_has_nothing_to_ask(self, platform: Platform) -> None:
        billing = platform.connect(url=NOWHERE)
        answer = await billing.check_eligibility(msgspec.structs.replace(platform.visit, payer=None), platform.day)
        await billing.close()
        assert (answer.status, answer.payer) == (EligibilityStatus.VERIFIED, None)

    async def test_what_it_does_not_have_it_does_not_tell(self, platform: Platform) -> None:
        billing = platform.connect()
        told = await billing.refetch("nowhere-1")
        found = [fact async for fact in billing.facts_of(["nowhere-1"])]
        await billing.close()
        assert (told, found) == (None, [])

    async def test_a_wrong_secret_is_fatal_and_says_what_is_to_be_mended(self, platform: Platform) -> None:
        billing = platform.connect(credential="wrong")
        with pytest.raises(Fatal) as caught:
            await billing.capture_charge(platform.visit, platform.day)
        health = await billing.health()
        await billing.close()
        assert caught.value.remedy
        assert (health.reachable, bool(health.remedies)) == (True, True)

    async def test_a_platform_that_is_not_there_is_asked_again_later(self, platform: Platform) -> None:
        billing = platform.connect(url=NOWHERE)
        with pytest.raises(Retriable):
            await billing.capture_charge(platform.visit, platform.day)
        health = await billing.health()
        await billing.close()
        assert not health.reachable
