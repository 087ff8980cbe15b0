"""The lines of an entry: a claim's own on its payer's receivable, one on the patient's where the patient owes a share,
and one a reason of what is adjusted away."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from suture.canonical.remittance import ClaimPayment
from suture.connectors.odoo.documents.booking import Draft
from suture.connectors.odoo.documents.entries import EntryBuilder
from suture.connectors.odoo.documents.matching import Item, Settles
from suture.connectors.odoo.records.names import line_id, mark
from suture.connectors.odoo.remittances.adjudication import Adjudged, AdjustmentLine, Standpoint, adjudge
from suture.connectors.odoo.remittances.booked_claims import StandingClaim, adjustment_label, claim_label, share_label
from suture.connectors.odoo.remittances.booking import RemittanceBooking
from suture.connectors.odoo.remittances.claim_record import Kind, said_of
from suture.connectors.odoo.remittances.earlier import ClaimAnswer, Earlier
from suture.connectors.odoo.remittances.owed import Face, Owed, comes_second
from suture.connectors.odoo.remittances.reversing import sign_of
from suture.core.money import Money, total


@dataclass
class ClaimAccount:
    """What is open for a part's claims, and what became of their invoices, while they are gone through: what one takes
    the next doesn't find."""

    open: Mapping[str, Owed]
    earlier: Mapping[str, Earlier]
    taken: dict[tuple[str, bool], Decimal] = field(default_factory=dict)
    anew: dict[str, list[ClaimAnswer]] = field(default_factory=dict)

    def before(self, claim: ClaimPayment, held: Sequence[StandingClaim] = ()) -> Earlier:
        """What became of a claim's invoice besides what is held of that claim."""
        known = self.earlier.get(claim.appointment, Earlier()).besides([one.claim.line for one in held])
        return known.also(self.anew.get(claim.appointment, ()))

    def take(self, claim: ClaimPayment, answer: ClaimAnswer, amount: Decimal) -> None:
        key = claim.appointment, answer.billed
        self.taken[key] = self.taken.get(key, Decimal(0)) + amount
        self.anew.setdefault(claim.appointment, []).append(answer)


class Met(msgspec.Struct, frozen=True, kw_only=True):
    """What a claim meets: where it goes, what it may settle, and what is decided of it."""

    kind: Kind
    face: Face
    items: tuple[Item, ...]
    adjudged: Adjudged


@dataclass
class ClaimLines:
    """An entry whose claims are written one by one."""

    told: RemittanceBooking
    entry: EntryBuilder
    account: ClaimAccount
    settles: list[Settles] = field(default_factory=list)

    @property
    def draft(self) -> Draft:
        return Draft(self.entry.document(), self.entry.total, self.settles)

    def claim(
        self, number: int, claim: ClaimPayment, held: Sequence[StandingClaim] = (), *, contested: bool = False
    ) -> Met:
        """Book what a claim was paid, where nothing is `held` of it yet; what it says beyond the money only as far as
        something is open for it. Answers what it met. A reversal is `contested` where something stands of its claim and
        it can't be told whether it takes that back: that is a person's, whatever comes later."""
        met = meet(self.told, claim, self.account, held)
        adjudged = met.adjudged
        money = Decimal(0) if held else claim.paid.amount
        reduced = total((one.amount for one in adjudged.adjusted), claim.paid.currency).amount
        amount = money + reduced + adjudged.share
        self._take(claim, met, amount, first=not held)
        if not amount and not adjudged.adjusted and not adjudged.share:
            return met
        said = said_of(claim, met.kind, left=self.told.left_open(claim), whole=adjudged.whole and not contested)
        items = self._settled(claim, met, amount, held)
        settles = Settles(mark(line_id(self.entry.name, f"claim{number}")), items, partner=met.face.partner)
        self._own(claim, met.face, -amount, settles, said.sign)
        if adjudged.share:
            self._share(number, claim, adjudged.share)
        for one in adjudged.adjusted:
            analytic = self.account.open[claim.appointment].analytic
            self.entry.line(one.account, adjustment_label(claim, one.code), one.amount.amount, analytic=analytic)
        return met

    def _take(self, claim: ClaimPayment, met: Met, amount: Decimal, *, first: bool) -> None:
        reasons: dict[str, Decimal] = defaultdict(Decimal)
        for one in met.adjudged.adjusted:
            reasons[one.code] += one.amount.amount
        own = sum((one.amount.amount for one in self.told.reasons(claim)), Decimal(0))
        billed = met.kind in ("paid", "more")
        answer = ClaimAnswer(
            payer=self.told.payer,
            partner=self.told.patient(claim),
            share=met.adjudged.share,
            promised=claim.patient_responsibility.amount if billed and first and claim.answered else Decimal(0),
            adjusted=reasons,
            billed=billed,
            left=self.told.left_open(claim),
            repeated=own - sum(reasons.values(), Decimal(0)) if not billed and met.adjudged.whole else Decimal(0),
        )
        self.account.take(claim, answer, amount)

    def _settled(self, claim: ClaimPayment, met: Met, amount: Decimal, held: Sequence[StandingClaim]) -> Sequence[Item]:
        """What a claim's line settles: what is open for it or, where it gives back more than it takes, the money that
        had found too little to pay."""
        if not claim.answered or not amount:
            return ()
        return met.items if amount > 0 else [one.claim for one in held if one.waits]

    def _own(self, claim: ClaimPayment, face: Face, amount: Decimal, settles: Settles, sign: str) -> None:
        marked = settles.mark if settles.items else ""
        self.entry.line(face.account, claim_label(claim), amount, partner=face.partner, settles=marked, sign=sign)
        self.settles.append(settles)

    def _share(self, number: int, claim: ClaimPayment, share: Decimal) -> None:
        account = self.account.open[claim.appointment].face.account
        self.entry.line(account, share_label(claim), share, partner=self.told.patient(claim))
        self.settles.append(Settles(mark(line_id(self.entry.name, f"share{number}")), ()))

    def taken_back_early(self, number: int, claim: ClaimPayment, reversal: Item) -> None:
        """A claim that was taken back before it came: its money is what the reversal took, and nothing else is
        booked."""
        told = Settles(mark(line_id(self.entry.name, f"claim{number}")), [reversal])
        said = said_of(claim, "paid", whole=True)
        self._own(claim, Face(reversal.account, reversal.partner), -claim.paid.amount, told, said.sign)

    def turn(
        self,
        number: int,
        claim: ClaimPayment,
        parts: Sequence[StandingClaim],
        items: Mapping[int, Item],
        paid_by: Mapping[int, Sequence[int]],
    ) -> None:
        """Turn exactly what was booked, line by line. `items` are its lines as they are now; `paid_by` what had paid
        them."""
        said = said_of(claim, "back", whole=True)
        for n, part in enumerate((one for of in parts for one in of.whole), 1):
            for place, label, booked in (
                ("claim", claim_label(claim), part.claim),
                ("share", share_label(claim), part.share),
            ):
                if booked is None:
                    continue
                now = items[booked.line]
                waits = bool(booked.amount) and not now.matched  # Odoo has a line of nothing matched from the first
                told = Settles(mark(line_id(self.entry.name, f"{place}{number}_{n}")), [now] if waits else ())
                undoes = sign_of(booked.line, paid_by.get(booked.line, ()))
                self.entry.line(
                    booked.account,
                    label,
                    -booked.amount,
                    partner=booked.partner,
                    settles=told.mark if waits else "",
                    sign=f"{said.sign}_{undoes}" if place == "claim" else undoes,
                )
                self.settles.append(told)
            for one in part.adjusted:
                self.entry.line(one.account, one.label, -one.amount, analytic=one.analytic)
        if any(part.summed for part in parts):  # what was adjusted then is only known by what the reversal says
            for reason in self.told.reasons(claim):
                self.entry.line(reason.account, adjustment_label(claim, reason.code), reason.amount.amount)


def kind_of(claim: ClaimPayment, owed: Owed, before: Earlier, held: Sequence[StandingClaim] = ()) -> Kind:
    """As what a claim is booked. A payer that was billed may answer a second time, for another policy."""
    known = next((one.said.kind for one in held if one.said), None)
    if known:
        return "more" if known == "paid" else known
    if claim.reverses:
        return "back"
    if not owed.billed or (comes_second(claim) and before.answered):
        return "also"
    return "more" if held else "paid"


def items_for(kind: Kind, owed: Owed, before: Earlier) -> tuple[Face, tuple[Item, ...]]:
    """Where a claim goes, and what it may settle."""
    if kind == "also":
        return owed.of_others(left_open=before.left_open)
    return owed.face, owed.rest


def meet(
    told: RemittanceBooking, claim: ClaimPayment, account: ClaimAccount, held: Sequence[StandingClaim] = ()
) -> Met:
    """What becomes of a claim of which this is `held` already."""
    owed, before = account.open[claim.appointment], account.before(claim, held)
    kind = kind_of(claim, owed, before, held)
    face, items = items_for(kind, owed, before)
    billed = kind != "also"
    taken = account.taken.get((claim.appointment, billed), Decimal(0))
    room = max(sum((one.residual for one in items), Decimal(0)) - taken, Decimal(0))
    room -= sum((-one.claim.residual for one in held if one.waits), Decimal(0)) if held else claim.paid.amount
    at = Standpoint(
        room=room,
        found=bool(items) or any(one.waits for one in held),
        billed=billed,
        patient_known=bool(told.patient(claim)),
        surplus=before.surplus(told.patient(claim)),
        shared=sum((one.shared for one in held), Decimal(0)),
    )
    reasons = _lacking(told.reasons(claim), before if kind == "also" else Earlier(), told.payer, held)
    adjudged = adjudge(claim, reasons, at, explained=told.explained(claim))
    return Met(kind=kind, face=face, items=items, adjudged=adjudged)


def _lacking(
    reasons: Sequence[AdjustmentLine], before: Earlier, payer: int, held: Sequence[StandingClaim]
) -> list[AdjustmentLine]:
    """What is to be adjusted away and isn't yet: less what is held of the claim already and, where another payer says
    it, less what the payers before it said, which it repeats."""
    known: dict[str, Decimal] = defaultdict(Decimal)
    for one in (adjusted for standing in held for adjusted in standing.adjusted):
        known[one.code] += one.amount
    said: dict[str, Decimal] = defaultdict(Decimal)
    for reason in reasons:
        said[reason.code] += reason.amount.amount
    for code, repeated in before.repeated(said, payer).items():
        known[code] += repeated
    found = []
    for reason in reasons:
        common = _common(reason.amount.amount, known[reason.code])
        known[reason.code] -= common
        if lacking := reason.amount - Money(common, reason.amount.currency):
            found.append(AdjustmentLine(reason.code, reason.account, lacking))
    return found


def _common(amount: Decimal, known: Decimal) -> Decimal:
    """What two amounts of one sign have in common."""
    if amount * known <= 0:
        return Decimal(0)
    return min(amount, known) if amount > 0 else max(amount, known)
