"""Who is billed: the payer of the coverage that applies, a guarantor, or the patient.

FHIR R4 Coverage (status, period, order, payor) and Account (coverage.priority, guarantor). A visit with a coverage that
applies is never taken for self-pay: whose payor can't be told is a person's to say.
"""

from datetime import date
from math import inf

import msgspec

from suture.canonical.records import Payer
from suture.codecs import fhir
from suture.ingest.fhir_appointment.told import SAY_WHICH, Told, covers, distinct, named, records_of
from suture.ingest.understanding import NotUnderstood

_ACTIVE, _UNCONFIRMED = ("active", ""), "draft"
_STATUSES = (*_ACTIVE, _UNCONFIRMED, "cancelled", "entered-in-error")
_USABLE_ACCOUNTS = ("active", "on-hold", "unknown", "")
_ROLES = {"Organization": 0, "RelatedPerson": 1, "Patient": 2}
"""Who may pay; of coverages that nothing else puts in order, an insurer's comes first."""


class Billed(msgspec.Struct, frozen=True):
    """Who gets the bill: a payer, a guarantor, or (neither) the patient. `told` is the payer as far as the delivery
    says its name, `presumed` as far as only a reference does, without a name where that doesn't display one."""

    payer: str | None = None
    guarantor: fhir.Target | None = None
    told: Payer | None = None
    presumed: Payer | None = None


class _Cover(msgspec.Struct, frozen=True):
    """A coverage with its place in the order of benefits."""

    read: fhir.Read[fhir.Coverage]
    priority: float
    payors: list[fhir.Target]
    unclear: bool = False
    """Whether one of its payors, who may be the insurer, can't be told."""

    @property
    def rank(self) -> tuple[float, float, int]:
        order = self.read.resource.order
        return self.priority, inf if order is None else order, _ROLES[self.payors[0].kind] if self.payors else 0


def billed(told: Told, patient: str, encounter: fhir.Read[fhir.Encounter], day: date) -> Billed:
    """Who is billed for a visit on a day. Raises `NotUnderstood`."""
    accounts = _accounts(told, patient, encounter)
    covers_ = _applying(told, patient, accounts, day)
    if not covers_:
        return _of_guarantors(told, patient, accounts, day)
    first = min(cover.rank for cover in covers_)
    chosen = [cover for cover in covers_ if cover.rank == first]
    if any(cover.unclear for cover in chosen):
        raise NotUnderstood(
            "payer_unclear",
            "the coverage of the visit names its payor in a way that nothing in the delivery answers",
            "Ask the scheduling system's owner to send Coverage.payor as a reference to an Organization; or set it in "
            "the payload here (`suture exceptions edit NUMBER --payload FILE --reason … --retry`).",
        )
    payors = distinct(payor for cover in chosen for payor in _foremost(cover.payors))
    if len(payors) > 1:
        raise NotUnderstood(
            "payer_unclear", f"{len(payors)} payors may be billed first, and nothing says which", SAY_WHICH
        )
    return _billed(told, patient, payors[0], chosen[0])


def _billed(told: Told, patient: str, payor: fhir.Target, cover: _Cover | None) -> Billed:
    reference = named(payor, "payer_unclear")
    if payor.kind != "Organization":
        return Billed(guarantor=None if reference in records_of(told, patient) else payor)
    name = _name(told, payor)
    payer = f"Payer/{payor.id}"
    if name:
        return Billed(payer, told=Payer(reference=payer, name=name))
    displayed = next((one.display for one in cover.read.resource.payor if one.display), "") if cover else ""
    return Billed(payer, presumed=Payer(reference=payer, name=displayed))


def _name(told: Told, payor: fhir.Target) -> str:
    """What an Organization is called, where the delivery has it and it can be read."""
    if payor.held is None:
        return ""
    found = fhir.soft(fhir.Organization, payor.held.tree)
    return found[0].name if found else ""


def _applying(told: Told, patient: str, accounts: list[fhir.Read[fhir.Account]], day: date) -> list[_Cover]:
    """The coverages of the patient that are active and cover the day: those that the visit is billed to by its
    accounts, where these say so. Raises `NotUnderstood`."""
    priorities = _priorities(told, accounts)
    known = [*told.contents.of(fhir.Coverage), *_contained(told, accounts)]
    every = [one for one in known if _is_of(told, one, patient)]
    covering = [one for one in every if covers(one.resource.period, day, told.zone)]
    active = [one for one in covering if one.resource.status in _ACTIVE]
    found = [one for one in active if one.held.reference in priorities] or active
    _check_none_lacks(told, priorities, found)
    if any(one.resource.status not in _STATUSES for one in covering):
        raise NotUnderstood("payer_unclear", "a Coverage of the visit has a status that FHIR doesn't know", SAY_WHICH)
    if not found and any(one.resource.status == _UNCONFIRMED for one in covering):
        raise NotUnderstood(
            "payer_unclear", "the only Coverage of the visit is a draft that nobody confirmed", SAY_WHICH
        )
    if not found:
        _check_nobody_elses(told, patient, day)
    return [_cover(told, one, priorities.get(one.held.reference, inf)) for one in found]


def _check_nobody_elses(told: Told, patient: str, day: date) -> None:
    """A visit whose one patient is covered by nothing, beside a coverage of somebody else that applies: a record that
    was merged, a parent's policy, or nothing to do with it. A person can tell."""
    others = [
        one
        for one in told.contents.of(fhir.Coverage)
        if one.resource.status in _ACTIVE and covers(one.resource.period, day, told.zone)
    ]
    if told.alone and others and not any(_is_of(told, one, patient) for one in others):
        raise NotUnderstood(
            "payer_unclear", "the only Coverage that the delivery has names another beneficiary", SAY_WHICH
        )


def _cover(told: Told, read: fhir.Read[fhir.Coverage], priority: float) -> _Cover:
    """A coverage with those whom its payors mean. One payor that can't be told may be the insurer: unless an insurer is
    named beside it, nobody may be billed in its place."""
    targets = [told.follow(payor, read.held) for payor in read.resource.payor]
    known = [target for target in targets if target is not None and target.id and target.kind in _ROLES]
    lacking = len(known) < len(targets) and not any(target.kind == "Organization" for target in known)
    return _Cover(read, priority, _foremost(distinct(known)), unclear=not known or lacking)


def _contained(told: Told, accounts: list[fhir.Read[fhir.Account]]) -> list[fhir.Read[fhir.Coverage]]:
    """The coverages that accounts hold in themselves instead of naming those of the delivery."""
    named_ = (
        told.resource(told.follow(one.coverage, account.held, "Coverage"), fhir.Coverage)
        for account in accounts
        for one in account.resource.coverage
    )
    here = [id(one) for one in told.contents.held(fhir.Coverage)]
    return [one for one in named_ if one is not None and id(one.held) not in here]


def _check_none_lacks(told: Told, priorities: dict[str, float], found: list[fhir.Read[fhir.Coverage]]) -> None:
    """A coverage that the account puts first, and that the delivery doesn't have, may be the one to bill."""
    first = min((priorities.get(one.held.reference, inf) for one in found), default=inf)
    here = {one.reference for one in told.contents.held(fhir.Coverage)}
    if any(name not in here and (priority < first or not found) for name, priority in priorities.items()):
        raise NotUnderstood(
            "payer_unclear", "the visit's Account names a Coverage that the delivery doesn't have", SAY_WHICH
        )


def _is_of(told: Told, read: fhir.Read[fhir.Coverage], patient: str) -> bool:
    """Whether a coverage may be the patient's: one that doesn't say whose may be."""
    target = told.follow(read.resource.beneficiary, read.held, "Patient")
    return target is None or not target.id or target.reference in records_of(told, patient)


def _foremost(payors: list[fhir.Target]) -> list[fhir.Target]:
    """Of several payors the insurers, where there are any."""
    best = min((_ROLES[one.kind] for one in payors), default=0)
    return [one for one in payors if _ROLES[one.kind] == best]


def _accounts(told: Told, patient: str, encounter: fhir.Read[fhir.Encounter]) -> list[fhir.Read[fhir.Account]]:
    """The accounts that the visit is billed to: the Encounter's; where it names none, the patient's."""
    targets = [told.follow(one, encounter.held, "Account") for one in encounter.resource.account]
    ours = [account for target in targets if (account := told.resource(target, fhir.Account)) is not None]
    found = ours or [one for one in told.contents.readable(fhir.Account) if _may_be_of(told, one, patient)]
    return [one for one in found if one.resource.status in _USABLE_ACCOUNTS]


def _may_be_of(told: Told, account: fhir.Read[fhir.Account], patient: str) -> bool:
    """Whether an account that the visit doesn't name is its patient's; one that doesn't say whose it is may be, where
    the delivery tells of no other visit."""
    targets = [told.follow(one, account.held) for one in account.resource.subject]
    ours = records_of(told, patient)
    return told.alone if not targets else any(one is not None and one.reference in ours for one in targets)


def _priorities(told: Told, accounts: list[fhir.Read[fhir.Account]]) -> dict[str, float]:
    """The coverages that accounts name, each with its priority there."""
    found: dict[str, float] = {}
    for account in accounts:
        for one in account.resource.coverage:
            target = told.follow(one.coverage, account.held, "Coverage")
            priority = inf if one.priority is None else float(one.priority)
            if target is not None and target.id:
                found[target.reference] = min(priority, found.get(target.reference, inf))
    return found


def _of_guarantors(told: Told, patient: str, accounts: list[fhir.Read[fhir.Account]], day: date) -> Billed:
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
        raise NotUnderstood("payer_unclear", "who answers for the visit's Account can't be told", SAY_WHICH)
    return _billed(told, patient, known[0], None) if known else Billed()
