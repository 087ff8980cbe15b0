"""The independent verdict: what the outside systems saw, against what the clinic's day plan makes due.

The platform under test is not asked, but for one thing: which appointments and payments it says a person must look at.
Such an explained one may lack things. Nothing may be doubled, wrong or out of order, explained or not. Pure.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from suture_lab.simulators.clinic.day import ClinicDay
from suture_lab.simulators.observed import Observed, Standing
from suture_lab.verdict.due import DEFAULT_SHARE, Due, dues
from suture_lab.verdict.evidence import IN_FORCE, NOT_THERE, TAKEN_BACK_BY, Evidence

Fault = Literal["lost", "doubled", "half_done", "wrong", "out_of_order"]

#: What must have happened before what, for one appointment.
_BEFORE = (
    ("appointment.completed", "charge.captured"),
    ("charge.captured", "invoice.drafted"),
    ("charge.captured", "stock.done"),
    ("charge.captured", "accrual.posted"),
    ("invoice.drafted", "invoice.posted"),
    ("charge.captured", "charge.voided"),
    ("invoice.drafted", "invoice.cancelled"),
    ("invoice.posted", "credit.posted"),
    ("stock.done", "stock.returned"),
    ("accrual.posted", "accrual_reversal.posted"),
)
_PAYMENT_BEFORE = (("payment.posted", "payment.entered"), ("payment.entered", "payment.reconciled"))
_FORWARD = frozenset({"charge.captured", "invoice.drafted", "invoice.posted", "stock.done", "accrual.posted"})
_BACKWARD = frozenset(
    {"charge.voided", "invoice.cancelled", "credit.posted", "stock.returned", "accrual_reversal.posted"}
)


class Finding(msgspec.Struct, frozen=True):
    """One thing that is not as it should be. `kind` is the sort of document, or ``appointment`` for the whole of it."""

    kind: str
    key: str
    detail: str


class RunVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, by fault, and how much there was to look at.

    `lost`: due and not there at all, without an exception. `half_done`: there in part, without an exception.
    `doubled`: there twice, or was for a time. `wrong`: an amount, a quantity, a residual, a date, a party, or something
    that stands and should not. `out_of_order`: an effect before its cause, or after its undoing began.
    """

    lost: tuple[Finding, ...]
    doubled: tuple[Finding, ...]
    half_done: tuple[Finding, ...]
    wrong: tuple[Finding, ...]
    out_of_order: tuple[Finding, ...]
    counts: dict[str, int]

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.half_done or self.wrong or self.out_of_order)


Found = Iterator[tuple[Fault, Finding]]


def judge(
    day: ClinicDay,
    observed: Iterable[Observed],
    standing: Iterable[Standing],
    explained: frozenset[str],
    *,
    default_share: Decimal = DEFAULT_SHARE,
    beside: frozenset[str] = frozenset(),
) -> RunVerdict:
    """Compare. `observed` are the effects on all three systems, in any order; `standing` is Odoo's end.

    `explained` are the appointments and payments that an open exception names; `default_share` is the practitioner's
    part (0 to 1) where the price list has no rule, `beside` are the keys of what was booked beside the day's plan.
    """
    evidence = Evidence(observed, standing)
    due = dues(day, default_share)
    found: dict[str, list[Finding]] = defaultdict(list)
    for fault, finding in _all_findings(due, evidence, explained, beside):
        found[fault].append(finding)
    return RunVerdict(
        lost=tuple(found["lost"]),
        doubled=tuple(found["doubled"]),
        half_done=tuple(found["half_done"]),
        wrong=tuple(found["wrong"]),
        out_of_order=tuple(found["out_of_order"]),
        counts=_counts(due, evidence, explained),
    )


def _all_findings(due: dict[str, Due], evidence: Evidence, explained: frozenset[str], beside: frozenset[str]) -> Found:
    for one in due.values():
        yield from _outcome(one, evidence, one.key in explained)
        if one.fate in ("billed", "undone"):
            yield from _figures(one, evidence)
            yield from _dates_and_parties(one, evidence)
    yield from _strangers(due, evidence, beside)
    for key, effects in (*evidence.effects.items(), *evidence.payments.items()):
        yield from _twice(key, effects, [*evidence.documents.get(key, ()), *evidence.entries.get(key, ())])
    for key, effects in evidence.effects.items():
        yield from _order(key, effects, _BEFORE)
        yield from _after_undoing(key, effects)
    for payments in evidence.paid.values():
        for payment in payments:
            yield from _payment(payment, evidence, bool({payment.key, payment.of} & explained))


def _outcome(due: Due, evidence: Evidence, explained: bool) -> Found:
    """Whether all that is due stands, and nothing else."""
    stands = [kind for kind in ("charge", "invoice", "stock", "accrual") if evidence.in_force(due.key, kind)]
    if due.fate == "billed":
        yield from _missing(due, stands, explained)
        yield from _beyond(due, [kind for kind in stands if kind not in due.effects], "is not due")
    elif due.fate == "undone":
        yield from _left_over(due, stands, evidence, explained)
    else:
        written = sorted({effect.what for effect in evidence.effects.get(due.key, ()) if effect.what in _FORWARD})
        why = "the visit needs a person's decision first" if due.fate == "refused" else "the visit never took place"
        yield from _beyond(due, written, f"although {why}")
        if due.fate == "refused" and not written and not explained:
            yield "lost", Finding("appointment", due.key, "completed, not billable, and no exception says so")


def _missing(due: Due, stands: Sequence[str], explained: bool) -> Found:
    missing = [kind for kind in due.effects if kind not in stands]
    if not missing or explained:
        return
    if not stands:
        yield "lost", Finding("appointment", due.key, "completed, and nothing stands for it")
    else:
        detail = f"no {', no '.join(missing)}, though {', '.join(stands)}"
        yield "half_done", Finding("appointment", due.key, detail)


def _beyond(due: Due, what: Iterable[str], why: str) -> Found:
    for one in what:
        yield "wrong", Finding(_kind_of(one), due.key, f"{one} {why}")


def _left_over(due: Due, stands: list[str], evidence: Evidence, explained: bool) -> Found:
    """A visit that was cancelled after all leaves nothing standing, not even a draft."""
    documents = evidence.documents.get(due.key, ())
    drafts = [d.kind for d in documents if d.state not in (IN_FORCE.get(d.kind, "posted"), *NOT_THERE)]
    left = [*stands, *(f"a draft {kind}" for kind in drafts)]
    if not left or explained:
        return
    if set(due.effects) <= set(stands):
        yield "wrong", Finding("appointment", due.key, f"cancelled after all, and all stands: {', '.join(left)}")
    else:
        yield "half_done", Finding("appointment", due.key, f"cancelled after all, and still stands: {', '.join(left)}")


def _figures(due: Due, evidence: Evidence) -> Found:
    """The amounts and quantities of what took effect, and of what took it back."""
    amounts = {"charge": due.total, "invoice": due.total, "accrual": due.compensation}
    for kind, amount in amounts.items():
        for document in _with_return(due.key, kind, evidence):
            if document.amount != amount:
                yield "wrong", _finding(document, f"{document.amount} instead of {amount}")
    for document in _with_return(due.key, "stock", evidence):
        if dict(document.moved) != dict(due.supplies):
            yield "wrong", _finding(document, f"moved {_list(document.moved)} instead of {_list(due.supplies)}")
    for invoice in evidence.in_force(due.key, "invoice"):
        paid = [entry for payment in evidence.paid.get(due.key, ()) for entry in evidence.entered(payment.key)]
        rest = due.total - sum(((e.amount or Decimal(0)) - (e.residual or Decimal(0)) for e in paid), Decimal(0))
        if invoice.residual != rest:
            yield "wrong", _finding(invoice, f"{invoice.residual} is open instead of {rest}")


def _dates_and_parties(due: Due, evidence: Evidence) -> Found:
    """All that a visit is billed with is of its day, and on the account of whoever owes it."""
    for kind in ("charge", "invoice", "stock", "accrual"):
        for document in evidence.counting(due.key, kind):
            if document.day != due.day:
                yield "wrong", _finding(document, f"dated {document.day} instead of {due.day}")
            if kind in ("charge", "invoice") and document.party != due.party:
                yield "wrong", _finding(document, f"owed by {document.party or 'nobody'} instead of {due.party}")


def _with_return(key: str, kind: str, evidence: Evidence) -> list[Standing]:
    back = TAKEN_BACK_BY.get(kind)
    return [*evidence.counting(key, kind), *(evidence.counting(key, back) if back else ())]


def _strangers(due: dict[str, Due], evidence: Evidence, beside: frozenset[str]) -> Found:
    """Documents for nothing that this day knows."""
    known = {payment.key for payments in evidence.paid.values() for payment in payments}
    unknown = {key: documents for key, documents in evidence.documents.items() if key not in due and key not in beside}
    unknown.update((key, entries) for key, entries in evidence.entries.items() if key not in known)
    for documents in unknown.values():
        for document in documents:
            if document.state not in NOT_THERE:
                yield "wrong", _finding(document, "for what the day does not know")


def _twice(key: str, effects: Sequence[Observed], documents: Sequence[Standing]) -> Found:
    """Two of the same, whoever made them, and even where one was taken back later. One that was posted, made a draft
    again and posted anew is one."""
    seen: dict[str, list[Observed]] = defaultdict(list)
    for effect in effects:
        seen[effect.what].append(effect)
    told = set()
    for what, several in seen.items():
        redrafted = seen.get(f"{_kind_of(what)}.redrafted", ()) if what.endswith((".posted", ".entered")) else ()
        if len(several) - len(redrafted) > 1 and not what.endswith(".redrafted"):
            told.add(_kind_of(what))
            numbers = " and ".join(f"{one.number}{'' if _ours(one) else ' (not ours)'}" for one in several)
            yield "doubled", Finding(_kind_of(what), key, f"{what}: {numbers}")
    there = Counter(document.kind for document in documents if document.state not in NOT_THERE)
    for kind, count in there.items():
        if count > 1 and kind not in told:
            yield "doubled", Finding(kind, key, f"{count} documents, drafts included")


def _kind_of(what: str) -> str:
    """The kind of document that an effect is about."""
    return "stock_return" if what == "stock.returned" else what.partition(".")[0]


def _ours(effect: Observed) -> bool:
    return effect.system != "odoo" or bool(effect.external_id)


def _order(key: str, effects: Sequence[Observed], rules: Sequence[tuple[str, str]]) -> Found:
    """The first of each kind counts: a second one is a doubled one, and told as such."""
    first: dict[str, float] = {}
    for effect in effects:
        first.setdefault(effect.what, effect.at)
    for earlier, later in rules:
        if later in first and (earlier not in first or first[later] < first[earlier]):
            yield "out_of_order", Finding(_kind_of(later), key, f"{later} before {earlier}")


def _after_undoing(key: str, effects: Sequence[Observed]) -> Found:
    began = next((effect for effect in effects if effect.what in _BACKWARD), None)
    for effect in effects:
        if began is not None and effect.what in _FORWARD and effect.at > began.at:
            detail = f"{effect.what} after {began.what}"
            yield "out_of_order", Finding(_kind_of(effect.what), key, detail)


def _payment(posted: Observed, evidence: Evidence, explained: bool) -> Found:
    """A payment that billing posted is entered with its amount and matched with its own invoice."""
    yield from _entered(posted, evidence, explained)
    effects = evidence.payments[posted.key]
    yield from _order(posted.key, effects, _PAYMENT_BEFORE)
    invoice = [effect for effect in evidence.effects.get(posted.of, ()) if effect.what == "invoice.posted"]
    yield from _order(posted.key, [*invoice[:1], *effects], (("invoice.posted", "payment.entered"),))
    for effect in effects:
        if effect.what == "payment.reconciled" and effect.of != posted.of:
            detail = f"pays {posted.of} and is matched with {effect.of}"
            yield "wrong", Finding("payment", posted.key, detail)


def _entered(posted: Observed, evidence: Evidence, explained: bool) -> Found:
    entries = evidence.entered(posted.key)
    for entry in entries:
        if entry.amount != posted.amount:
            yield "wrong", _finding(entry, f"{entry.amount} instead of {posted.amount}")
        if entry.day != posted.day:
            yield "wrong", _finding(entry, f"dated {entry.day} instead of {posted.day}")
        if entry.party != posted.party:
            detail = f"on the account of {entry.party or 'nobody'}, and {posted.party} paid"
            yield "wrong", _finding(entry, detail)
    if explained:
        return
    if entries:
        if any(entry.residual for entry in entries):
            detail = f"entered for {posted.of}, and not matched with its invoice"
            yield "half_done", Finding("payment", posted.key, detail)
    elif evidence.entries.get(posted.key):
        yield "half_done", Finding("payment", posted.key, f"of {posted.of}: its entry is not posted")
    else:
        yield "lost", Finding("payment", posted.key, f"{posted.amount} for {posted.of} was never entered")


def _counts(due: dict[str, Due], evidence: Evidence, explained: frozenset[str]) -> dict[str, int]:
    """How much there was; of documents, those that stand."""
    fates = Counter(one.fate for one in due.values())
    stand = {kind: sum(len(evidence.in_force(key, kind)) for key in due) for kind in IN_FORCE}
    posted = [payment for payments in evidence.paid.values() for payment in payments]
    effects = [effect.what for effects in evidence.effects.values() for effect in effects]
    return {
        "appointments": len(due),
        "completed": fates["billed"] + fates["refused"],
        "refused": fates["refused"],
        "undone": fates["undone"],
        "charges": stand["charge"],
        "voided": effects.count("charge.voided"),
        "invoices": stand["invoice"],
        "credits": stand["credit"],
        "stock": stand["stock"],
        "accruals": stand["accrual"],
        "payments": len(posted),
        "payments_entered": sum(bool(evidence.entered(payment.key)) for payment in posted),
        "explained": len(explained),
    }


def _finding(document: Standing, detail: str) -> Finding:
    stranger = document.system == "odoo" and not document.external_id
    name = f"{document.number} (not ours)" if stranger else document.number
    return Finding(document.kind, document.key, f"{name}: {detail}")


def _list(quantities: Mapping[str, Decimal]) -> str:
    parts = (f"{product} {quantity.normalize():f}" for product, quantity in sorted(quantities.items()))
    return ", ".join(parts) or "nothing"
