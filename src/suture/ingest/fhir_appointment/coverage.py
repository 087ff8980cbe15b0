"""Who is billed: the payer of the coverage that applies, a guarantor, or the patient.

FHIR R4 Coverage (status, period, order, payor) and Account (coverage.priority, guarantor). A visit with a coverage that
applies is never taken for self-pay: whose payor can't be told is a person's to say.
"""

from collections.abc import Callable, Iterable
from datetime import date
from typing import TypeVar

import msgspec

from suture.canonical.records import Payer
from suture.codecs import fhir
from suture.ingest.decoding import NotUnderstood
from suture.ingest.fhir_appointment.bundle import SAY_WHICH, ToldDelivery, covers, distinct, named, records_of, says

_ACTIVE, _UNCONFIRMED = ("active", ""), "draft"
_STATUSES = (*_ACTIVE, _UNCONFIRMED, "cancelled", "entered-in-error")
_FIRST = 1
_USABLE_ACCOUNTS = ("active", "on-hold", "unknown", "")
_ROLES = {"Organization": 0, "RelatedPerson": 1, "Patient": 2}
"""Who may pay; of coverages that nothing else puts in order, an insurer's comes first."""

Priorities = dict[object, int | None]
"""The coverages that accounts name, by what they are known by."""

_WHOSE = "a Coverage that may be billed first names a beneficiary that the delivery does not contain"
_WHO_PAYS = "the coverage of the visit names a payor that the delivery does not contain"

T = TypeVar("T")


class Billed(msgspec.Struct, frozen=True):
    """Who gets the bill: a payer, a guarantor, or (neither) the patient. `told` is the payer as far as the delivery
    says its name, `presumed` as far as only a reference does, without a name where that doesn't display one."""

    payer: str | None = None
    guarantor: fhir.Target | None = None
    told: Payer | None = None
    presumed: Payer | None = None


class _Cover(msgspec.Struct, frozen=True):
    """A coverage with its priority in the visit's accounts."""

    read: fhir.Read[fhir.Coverage]
    priority: int | None
    payors: list[fhir.Target]
    unclear: str = ""
    """Why nobody may be billed by it: whose it is, or one of its payors, who may be the insurer, can't be told."""

    @property
    def order(self) -> int | None:
        return self.read.resource.order

    @property
    def role(self) -> int:
        return _ROLES[self.payors[0].kind] if self.payors else 0


def billed(told: ToldDelivery, patient: str, encounter: fhir.Read[fhir.Encounter], day: date) -> Billed:
    """Who is billed for a visit on a day. Raises `NotUnderstood`."""
    accounts = _accounts(told, patient, encounter)
    covers_ = _applying(told, patient, accounts, day)
    if not covers_:
        return _of_guarantors(told, patient, accounts, day)
    chosen = _first(covers_)
    unclear = {cover.unclear for cover in chosen} - {""}
    if unclear:
        raise NotUnderstood(
            "payer_unclear",
            min(unclear),
            "Ask the scheduling system's owner to send Coverage.payor as a reference to an Organization, and "
            "Coverage.beneficiary as one to the Patient; or set it in the payload here (`suture exceptions edit NUMBER "
            "--payload FILE --reason … --retry`).",
        )
    payors = distinct(payor for cover in chosen for payor in _foremost(cover.payors))
    if len(payors) > 1:
        raise NotUnderstood(
            "payer_unclear", f"{len(payors)} payors may be billed first, and the delivery does not say which", SAY_WHICH
        )
    return _billed(told, patient, payors[0], chosen[0])


def _first(covers_: list[_Cover]) -> list[_Cover]:
    """Those that may be billed first: by priority, then by order, then an insurer's."""
    for number in (lambda one: one.priority, lambda one: one.order, lambda one: one.role):
        covers_ = _may_be_first(covers_, number)
    return covers_


def _may_be_first(every: Iterable[T], number: Callable[[T], int | None]) -> list[T]:
    """Those with the lowest number, and those without any: FHIR leaves gaps in such numbers, so that only a first (1)
    leaves none before it."""
    every = list(every)
    lowest = min((told for one in every if (told := number(one)) is not None), default=_FIRST)
    return [one for one in every if number(one) == lowest or (number(one) is None and lowest > _FIRST)] or every


def _billed(told: ToldDelivery, patient: str, payor: fhir.Target, cover: _Cover | None) -> Billed:
    reference = named(payor, "payer_unclear")
    if payor.kind != "Organization":
        return Billed(guarantor=None if reference in records_of(told, patient) else payor)
    name = _name(told, payor)
    payer = f"Payer/{payor.id}"
    if name:
        return Billed(payer, told=Payer(reference=payer, name=name))
    displayed = next((one.display for one in cover.read.resource.payor if one.display), "") if cover else ""
    return Billed(payer, presumed=Payer(reference=payer, name=displayed))


def _name(told: ToldDelivery, payor: fhir.Target) -> str:
    """What an Organization is called, where the delivery has it and it can be read."""
    if payor.held is None:
        return ""
    found = fhir.soft(fhir.Organization, payor.held.tree)
    return found[0].name if found else ""


def _applying(told: ToldDelivery, patient: str, accounts: list[fhir.Read[fhir.Account]], day: date) -> list[_Cover]:
    """The coverages of the patient that are active and cover the day: those that the visit is billed to by its
    accounts, where these say so. Raises `NotUnderstood`."""
    priorities = _priorities(told, accounts)
    known = _known(told, accounts)
    ours = [one for one in known if _is_of(told, one, patient) is not False]
    covering = [one for one in ours if covers(one.resource.period, day, told.zone)]
    active = [one for one in covering if one.resource.status in _ACTIVE]
    found = [one for one in active if _key(one.held) in priorities] or active
    _check_none_lacks(priorities, known, found)
    if any(one.resource.status not in _STATUSES for one in covering):
        raise NotUnderstood("payer_unclear", "a Coverage of the visit has a status that FHIR doesn't know", SAY_WHICH)
    if not found and any(one.resource.status == _UNCONFIRMED for one in covering):
        raise NotUnderstood("payer_unclear", "the only Coverage of the visit is an unconfirmed draft", SAY_WHICH)
    if not found:
        _check_nobody_elses(told, patient, day)
    return [_cover(told, one.whole(), patient, priorities) for one in found]


def _check_nobody_elses(told: ToldDelivery, patient: str, day: date) -> None:
    """A visit whose one patient is covered by nothing, beside a coverage of somebody else that applies: a record that
    was merged, a parent's policy, or nothing to do with it. A person can tell."""
    others = [
        one
        for one in told.contents.of(fhir.Coverage)
        if one.resource.status in _ACTIVE and covers(one.resource.period, day, told.zone)
    ]
    if told.alone and others and not any(_is_of(told, one, patient) for one in others):
        raise NotUnderstood("payer_unclear", "the only Coverage in the delivery names another beneficiary", SAY_WHICH)


def _cover(told: ToldDelivery, read: fhir.Read[fhir.Coverage], patient: str, priorities: Priorities) -> _Cover:
    """A coverage with those whom its payors mean. One payor that can't be told may be the insurer: unless an insurer is
    named beside it, nobody may be billed in its place. Nor by a coverage that may be somebody else's."""
    targets = [told.follow(payor, read.held) for payor in read.resource.payor]
    known = [target for target in targets if target is not None and target.id and target.kind in _ROLES]
    lacking = len(known) < len(targets) and not any(target.kind == "Organization" for target in known)
    key = _key(read.held)
    whose = "" if key in priorities or _is_of(told, read, patient) else _WHOSE
    unclear = whose or (_WHO_PAYS if not known or lacking else "")
    return _Cover(read, priorities.get(key), _foremost(distinct(known)), unclear)


def _known(told: ToldDelivery, accounts: list[fhir.Read[fhir.Account]]) -> list[fhir.Read[fhir.Coverage]]:
    """The coverages of the delivery, and those that accounts hold in themselves instead of naming one."""
    known = {_key(one.held): one for one in told.contents.of(fhir.Coverage)}
    for account in accounts:
        for named_ in account.resource.coverage:
            target = told.follow(named_.coverage, account.held, "Coverage")
            if target is not None and target.held is not None and target.kind == "Coverage":
                one = told.contents.as_far_as_readable(target.held, fhir.Coverage)
                known.setdefault(_key(one.held), one)
    return list(known.values())


def _key(held: fhir.HeldResource) -> object:
    """What a coverage is known by; one without an id, such as a contained one, by being itself."""
    return held.reference if held.id else id(held.tree)


def _check_none_lacks(
    priorities: Priorities, known: list[fhir.Read[fhir.Coverage]], found: list[fhir.Read[fhir.Coverage]]
) -> None:
    """A coverage that the account may put first, and that the delivery doesn't have, may be the one to bill."""
    here, ours = {_key(one.held) for one in known}, {_key(one.held) for one in found}
    named_ = [key for key in priorities if key in ours or key not in here]
    if any(key not in here for key in _may_be_first(named_, lambda key: priorities[key])):
        raise NotUnderstood(
            "payer_unclear", "the visit's Account names a Coverage that the delivery does not contain", SAY_WHICH
        )


def _is_of(told: ToldDelivery, read: fhir.Read[fhir.Coverage], patient: str) -> bool | None:
    """Whether a coverage is the patient's; None where that can't be told. One that names nobody is, where the delivery
    tells of no other visit."""
    if not says(read.resource.beneficiary):
        return True if told.alone else None
    target = told.follow(read.resource.beneficiary, read.held, "Patient")
    return None if target is None or not target.id else target.reference in records_of(told, patient)


def _foremost(payors: list[fhir.Target]) -> list[fhir.Target]:
    """Of several payors the insurers, where there are any."""
    best = min((_ROLES[one.kind] for one in payors), default=0)
    return [one for one in payors if _ROLES[one.kind] == best]


def _accounts(told: ToldDelivery, patient: str, encounter: fhir.Read[fhir.Encounter]) -> list[fhir.Read[fhir.Account]]:
    """The accounts that the visit is billed to: the Encounter's; where it names none, the patient's. Raises
    `NotUnderstood` where the Encounter names one that can't be told, or none that can be billed to: no other one
    stands in for it."""
    named_ = [one for one in encounter.resource.account if says(one)]
    if not named_:
        found = [one for one in told.contents.readable(fhir.Account) if _may_be_of(told, one, patient)]
        return [one for one in found if one.resource.status in _USABLE_ACCOUNTS]
    targets = (told.follow(one, encounter.held, "Account") for one in named_)
    ours = [told.resource(target, fhir.Account) for target in targets]
    usable = [one for one in ours if one is not None and one.resource.status in _USABLE_ACCOUNTS]
    if None in ours or not usable:
        what = "that the delivery doesn't have" if None in ours else "that is not in use"
        raise NotUnderstood("payer_unclear", f"the Encounter names an Account {what}", SAY_WHICH)
    return usable


def _may_be_of(told: ToldDelivery, account: fhir.Read[fhir.Account], patient: str) -> bool:
    """Whether an account that the visit doesn't name is its patient's; one that doesn't say whose it is may be, where
    the delivery tells of no other visit."""
    targets = [told.follow(one, account.held) for one in account.resource.subject]
    ours = records_of(told, patient)
    return told.alone if not targets else any(one is not None and one.reference in ours for one in targets)


def _priorities(told: ToldDelivery, accounts: list[fhir.Read[fhir.Account]]) -> Priorities:
    """The coverages that accounts name, each with its priority there; one that can't be told is one that lacks."""
    found: Priorities = {}
    for account in accounts:
        for one in account.resource.coverage:
            if says(one.coverage):
                target = told.follow(one.coverage, account.held, "Coverage")
                key = object() if target is None else _key(target.held) if target.held else target.reference
                said = [number for number in (one.priority, found.get(key)) if number is not None]
                found[key] = min(said, default=None)
    return found


def _of_guarantors(told: ToldDelivery, patient: str, accounts: list[fhir.Read[fhir.Account]], day: date) -> Billed:
    """Who answers for the account where no coverage does; the patient where nobody else does."""
    answering = [
        (one.party, account.held)
        for account in accounts
        for one in account.resource.guarantor
        if not one.on_hold and covers(one.period, day, told.zone)
    ]
    targets = [told.follow(party, within) for party, within in answering]
    known = distinct(one for one in targets if one is not None and one.id and one.kind in _ROLES)
    if None in targets or len(known) > 1 or (targets and not known):
        raise NotUnderstood("payer_unclear", "the guarantor of the visit's Account can't be determined", SAY_WHICH)
    if not known:
        _check_none_ended(told, patient, accounts, day)
    return _billed(told, patient, known[0], None) if known else Billed()


def _check_none_ended(told: ToldDelivery, patient: str, accounts: list[fhir.Read[fhir.Account]], day: date) -> None:
    """An active coverage whose time is over may have been renewed: nobody said that the patient pays."""
    for one in _known(told, accounts):
        last = fhir.days(one.resource.period.end, told.zone)
        ended = one.resource.status in _ACTIVE and last is not None and last[1] < day
        if ended and _is_of(told, one, patient) is not False:
            raise NotUnderstood(
                "payer_unclear",
                "the only Coverage of the visit is active, but its period ended before the visit",
                SAY_WHICH,
            )
