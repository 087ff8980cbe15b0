"""One search for whatever number a person has in hand: an appointment's, charge's, invoice's, payment's or claim's, a
receipt, a delivery, an event, an exception, a process.

What is asked for may be a patient's own number, so it stands in no URL and no log. Patients' identifiers are known by a
keyed digest only, and looking one up is an act with a reason.
"""

from uuid import UUID

import msgspec

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.store import discrepancies, exceptions, finding, journeys
from suture.store import steering as process_store
from suture.store.exceptions import ExceptionSelection
from suture.store.finding import InLedger, KnownNumber
from suture.views import patients
from suture.views.journey import journey_of

_LONGEST = 200
_MOST_HELD = 20
_KINDS = ("Appointment/", "Delivery/")


class SearchHit(msgspec.Struct, frozen=True, kw_only=True):
    """What a number may mean: a page's path, what it is called, and what of it has the number."""

    path: str
    title: str
    kind: str


async def find(context: CommandContext, text: str, most: int = 20) -> list[SearchHit]:
    """Everything that is called so; where nothing is, the appointments whose id starts so."""
    asked = cleaned(text)
    if not asked:
        return []
    exact = [*await _journeys(context, asked), *await _others(context, asked)]
    if exact:
        return exact[:most]
    async with context.database.connection() as connection:
        alike = await journeys.starting_with(connection, asked, most)
        numbered = await finding.starting_with(connection, asked, most)
        held = await finding.in_ledger(connection, asked, most, beginning=True)
    found = {one: SearchHit(path=f"/journeys/{one}", title=one, kind="appointment") for one in alike}
    for item in numbered:
        found.setdefault(item.appointment, _of_number(item))
    for one in held:
        if one.appointment:
            found.setdefault(one.appointment, _of_ledger(one))
    return list(found.values())[:most]


async def find_patient(context: CommandContext, actor: Actor, system: str, value: str) -> list[SearchHit]:
    """The appointments of the patient whom a source calls so. It is an act, with a reason."""
    if not actor.reason:
        raise NotPossible("give your reason for looking up a patient: it is kept in the audit trail")
    actor.check(context, "patient.read")
    called = await patients.find(context, actor, system, value.strip())
    async with context.database.connection() as connection:
        found = [one for patient in called for one in await finding.called(connection, patient.reference)]
    return [_of_number(one) for one in found if one.kind == "patient"]


def cleaned(text: str) -> str:
    """What is looked for, without what can't be part of a number."""
    asked = "".join(character for character in text if character.isprintable()).strip()[:_LONGEST]
    for kind in _KINDS:
        asked = asked.removeprefix(kind)
    return asked


async def _journeys(context: CommandContext, asked: str) -> list[SearchHit]:
    of_itself = await journey_of(context.database, asked)
    waits = of_itself is not None and all(one.subject == f"Remittance/{asked}" for one in of_itself.events)
    if of_itself is not None and not waits:
        return [SearchHit(path=f"/journeys/{asked}", title=asked, kind="appointment")]
    async with context.database.connection() as connection:
        numbered = await finding.called(connection, asked)
        journey = await finding.journey_of_identity(connection, identity) if (identity := _uuid(asked)) else None
        delivery = await finding.journey_of_delivery(connection, asked, context.catalogue.interfaces)
        held = await finding.in_ledger(connection, asked, _MOST_HELD)
    found = [_of_number(one) for one in numbered if one.kind != "patient"]
    known = {one.path for one in found}
    found += [told for one in held if one.appointment and (told := _of_ledger(one)).path not in known]
    if journey is not None:
        found.append(SearchHit(path=f"/journeys/{journey}", title=journey, kind="receipt or event"))
    if delivery is not None:
        found.append(SearchHit(path=f"/journeys/{delivery}", title=delivery, kind="delivery"))
    if waits:  # what is told under a remittance's own number are its exceptions, and no appointment
        found.append(SearchHit(path=f"/journeys/{asked}", title=asked, kind="exceptions of the remittance"))
    return found


async def _others(context: CommandContext, asked: str) -> list[SearchHit]:
    found = []
    number = asked.removeprefix("#").removeprefix("no. ")
    async with context.database.connection() as connection:
        if number.isdecimal() and len(number) < 18:
            told = await exceptions.select(connection, ExceptionSelection(numbers=(int(number),), state=""), 1)
            found += [
                SearchHit(path=f"/exceptions/{one.number}", title=f"Exception {one.number}", kind="exception")
                for one in told
            ]
        if await process_store.one(connection, asked) is not None:
            found.append(SearchHit(path=f"/processes/{asked}", title=asked, kind="process"))
        held = await finding.in_ledger(connection, asked, _MOST_HELD)
        loose = [one.key for one in held if not one.appointment]
        differences = await discrepancies.of_keys(connection, loose, []) if loose else []
    return found + [
        SearchHit(
            path=f"/reconciliation/{one.number}", title=f"Difference {one.number} ({asked})", kind="in the ledger alone"
        )
        for one in differences
    ]


def _of_ledger(one: InLedger) -> SearchHit:
    return SearchHit(path=f"/journeys/{one.appointment}", title=f"{one.appointment} ({one.number})", kind=one.kind)


def _of_number(one: KnownNumber) -> SearchHit:
    title = f"{one.appointment} ({one.number})" if one.kind != "patient" else one.appointment
    return SearchHit(path=f"/journeys/{one.appointment}", title=title, kind=one.kind)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
