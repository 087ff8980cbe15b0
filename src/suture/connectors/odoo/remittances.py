"""Bulk remittances: one deposit, and what it says of any number of claims, as balanced entries.

A remittance of few claims is one entry. A larger one is a head for the deposit and parts for the claims, which meet in
the remittance clearing account and come to nothing there: Odoo's work and our memory for one call are bounded, a part
is posted in one transaction, and after a failure the parts that stand are passed over.

A number (TRN02) is its payer's own: the two together are the key. Entries of before carry the number alone as their
key; they are known by the payer of their deposit.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from suture.canonical.remittance import Adjustment, ClaimPayment, Remittance, imbalance
from suture.connectors.odoo.booking import Draft, book
from suture.connectors.odoo.books import Books, deleted_in_odoo, unwrap
from suture.connectors.odoo.claims import (
    DEPOSIT,
    Owed,
    Standing,
    Turned,
    adjustment_label,
    booked_before,
    claim_label,
    credits_of,
    early_reversals,
    items_by_line,
    later_reference,
    lines_of_entries,
    owed,
    paid_by,
    share_label,
    sign_of,
    standing,
    take_apart,
    takes_back,
    turned_in,
    undone_by,
)
from suture.connectors.odoo.client import Row
from suture.connectors.odoo.earlier import Earlier, earlier
from suture.connectors.odoo.entries import EntryBuilder
from suture.connectors.odoo.matching import Item, Settles, match
from suture.connectors.odoo.names import external_id, line_id, mark
from suture.connectors.odoo.parties import partner_deleted
from suture.connectors.odoo.setting import Setting
from suture.connectors.port import LedgerPartner, PostedRemittance, RemittanceProgress
from suture.core.failure import Rejected
from suture.core.money import Money, total

PART = 100
"""Claims in one entry."""


async def post(
    books: Books,
    remittance: Remittance,
    partners: Sequence[LedgerPartner],
    progress: Callable[[RemittanceProgress], None],
) -> PostedRemittance:
    """Raises `Rejected` where its deposit isn't what it says, where the plan has no account for what the payer kept, or
    where its number stands for another deposit of this payer: nothing was written then."""
    _check(remittance, await books.setting())
    people = await books.parties.ensure_partners(partners)
    gone = [reference for reference, registered in people.items() if not registered.partner]
    if gone:
        raise partner_deleted(gone[0])
    if remittance.payer not in people:
        raise Rejected(
            "payer_unknown", f"{remittance.payer} of remittance {remittance.number} was not named", "Name it."
        )
    setting = await books.setting()
    posting = Posting(books, setting, remittance, {ref: one.partner for ref, one in people.items()})
    numbers: list[str] = []
    questions = Questions()
    claims = 0
    for part in await posting.parts():
        numbers.append(await posting.book(part, questions))
        claims += len(part.claims)
        progress(RemittanceProgress(claims=claims, of=len(remittance.claims)))
    return PostedRemittance(
        numbers=tuple(numbers),
        deposit=remittance.deposit,
        claims=claims,
        unapplied=tuple(questions.unapplied),
        without_patient=tuple(questions.without_patient),
        unusual=tuple(questions.unusual),
        unbalanced=tuple(claim.claim for claim in remittance.claims if claim.misfit),
        unmapped=tuple((claim.claim, code) for claim in remittance.claims if (code := _unmapped(claim, setting))),
    )


def _check(remittance: Remittance, setting: Setting) -> None:
    wrong = imbalance(remittance)
    if wrong:
        raise Rejected(
            "remittance_unbalanced",
            f"Remittance {remittance.number} does not add up: {wrong}",
            "Ask the payer, or whoever translated it, for a remittance that balances.",
        )
    for kept in remittance.provider_adjustments:
        setting.adjustment(f"PLB-{kept.reason}")


def _unmapped(claim: ClaimPayment, setting: Setting) -> str:
    """The first reason of a claim that the plan has no account for; empty where it has one for each."""
    codes = [adjustment.code for adjustment in claim.own_adjustments] if claim.answered else []
    return next((code for code in codes if not setting.knows_adjustment(code)), "")


def _bookable(claim: ClaimPayment, setting: Setting) -> ClaimPayment:
    """A claim as far as it can be booked: of one that doesn't add up, or gives a reason without an account, the money.
    Told again once that is mended, the rest is booked."""
    return claim.of_money_alone() if claim.misfit or _unmapped(claim, setting) else claim


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One entry to come: its key, what people read as its reference, and what it holds."""

    key: str
    ref: str
    claims: tuple[ClaimPayment, ...]
    deposit: bool
    """Whether it holds the deposit."""
    alone: bool
    """Whether it is the only one."""

    @property
    def name(self) -> str:
        return external_id("remittance", self.key)


@dataclass
class Questions:
    """The claims of which something is a person's to decide."""

    unapplied: list[str] = field(default_factory=list)
    without_patient: list[str] = field(default_factory=list)
    unusual: list[str] = field(default_factory=list)


@dataclass
class _Lines:
    """What a part's claims come to, besides their receivables. `left` is what is still open by appointment."""

    paid: Money
    settles: list[Settles] = field(default_factory=list)
    left: dict[str, Decimal] = field(default_factory=dict)
    beyond: dict[str, Decimal] = field(default_factory=dict)
    """What patients bear beyond their shares so far, by appointment."""
    items: Mapping[int, Item] = field(default_factory=dict)
    """What was taken apart, as it is now, by line."""


class Posting:
    """One remittance on its way into the books. `partners` are ids by reference."""

    def __init__(self, books: Books, setting: Setting, remittance: Remittance, partners: Mapping[str, int]) -> None:
        self._books = books
        self._setting = setting
        self._told = remittance
        self._partners = partners
        self._payer = partners[remittance.payer]
        self._before = False
        self._entries: list[int] = []
        self._undone: set[int] = set()
        self._paid_by: dict[int, list[int]] = {}
        self._released: dict[str, list[int]] = defaultdict(list)
        self._earlier: dict[str, Earlier] = {}

    async def parts(self) -> list[Part]:
        """The entries in order. What takes back comes first, so that what is corrected finds its invoice open."""
        number = self._told.number
        claims = tuple(_bookable(claim, self._setting) for claim in self._told.claims)
        self._before = await self._known_before()
        key = number if self._before else f"{self._told.payer} {number}"
        if not self._before:
            claims = tuple(sorted(claims, key=lambda claim: not claim.reverses))
        if len(claims) <= PART:
            return [Part(key=key, ref=number, claims=claims, deposit=True, alone=True)]
        said = "/" if self._before else " part "
        parts = [claims[start : start + PART] for start in range(0, len(claims), PART)]
        return [
            Part(key=key, ref=number, claims=(), deposit=True, alone=False),
            *(
                Part(key=f"{key}{said}{n}", ref=f"{number}/{n}", claims=part, deposit=False, alone=False)
                for n, part in enumerate(parts, 1)
            ),
        ]

    async def _known_before(self) -> bool:
        """Whether this payer's remittance stands under its number alone."""
        number = self._told.number
        found = await self._books.finder.by_name("account.move", "remittance", [number])
        if number not in found:
            name = external_id("remittance", number)
            if await self._books.crosswalk.recall([name]):
                raise deleted_in_odoo(name)
            return False
        rows = await lines_of_entries(self._books, [found[number]])
        payers = {row["partner_id"] for row in rows if row["name"] == DEPOSIT}
        return payers == {self._payer}

    async def book(self, part: Part, questions: Questions) -> str:
        """Book a part, or find it booked; answers its number in Odoo."""
        known = await self._books.finder.by_name("account.move", "remittance", [part.key])
        if known:
            row = await self._found(part, known[part.key])
        else:
            draft = await self._draft(part)
            row = unwrap((await book(self._books, [draft]))[draft.name]).row
        self._entries.append(row["id"])
        holds = await self._holds(part, row["id"])
        if await self._match_turned(part, holds):
            holds = await self._holds(part, row["id"])
        if await self._match_early(part, holds):
            holds = await self._holds(part, row["id"])
        open_ = await self._owed(part)
        if await self._settle_late(part, holds, open_):
            holds, open_ = await self._holds(part, row["id"]), await self._owed(part)
        if known:
            await self._complete(part, holds, open_)
        await self._ask(part, holds, open_, questions)
        return str(row["name"])

    async def _found(self, part: Part, entry: int) -> Row:
        """A part that stands is what it was told as, and posted; nothing of it is worked out again."""
        await self._holds(part, entry)
        return unwrap((await self._books.post({part.name: entry}))[part.name])

    async def _holds(self, part: Part, entry: int) -> dict[str, list[Standing]]:
        """What an entry holds of a part's claims. Raises `Rejected` where it is another remittance's: a number stands
        for one deposit and what it says."""
        rows = await lines_of_entries(self._books, [entry])
        holds = standing(rows, {claim_label(claim) for claim in part.claims})
        agrees = self._agrees_as_before(part, rows, holds) if self._before else await self._signed(part, rows)
        if not agrees:
            raise Rejected(
                "remittance_differs",
                f"Odoo holds another remittance of {self._told.payer} with the number {self._told.number}: its deposit "
                "or its claims are not these",
                "Ask the payer for a remittance with a number of its own; a correction reverses the earlier claims.",
            )
        return holds

    async def _signed(self, part: Part, rows: Sequence[Row]) -> bool:
        """Whether the deposit's entry says by its first line's external id that it is this remittance's."""
        if not part.deposit:
            return True
        first = next((row["id"] for row in rows if row["name"] == DEPOSIT), 0)
        names = await self._books.odoo.external_ids("account.move.line", [first])
        return names.get(first, "") == line_id(part.name, f"1_{_sign(self._told)}")

    def _agrees_as_before(self, part: Part, rows: Sequence[Row], holds: Mapping[str, Sequence[Standing]]) -> bool:
        """Whether an entry of before is this remittance's, by its deposit and by what it settled of each claim."""
        clearing, told = self._setting.account("remittance_clearing_account"), self._told
        kept = [(_kept_label(one.reason, one.reference), one.amount.amount) for one in told.provider_adjustments]
        deposits = (
            (str(row["name"]), Decimal(str(row["amount_currency"])))
            for row in rows
            if row["account_id"] != clearing and (row["name"] == DEPOSIT or str(row["name"] or "").startswith("PLB "))
        )
        if part.deposit and sorted(deposits) != sorted([(DEPOSIT, told.deposit.amount), *kept]):
            return False
        lines = sum(len(one.lines) for of in holds.values() for one in of)
        if lines != sum(row["account_type"] == "asset_receivable" for row in rows):
            return False
        settled = {label: sorted(one.left for one in of) for label, of in holds.items()}
        return settled == {
            label: amounts
            for label, of in _by_label(part.claims).items()
            if (amounts := sorted(amount for claim in of if (amount := self._left(claim))))
        }

    def _left(self, claim: ClaimPayment) -> Decimal:
        """What was paid and adjusted away of a claim together."""
        return sum((amount.amount for _, _, amount in self._adjusted(claim)), claim.paid.amount)

    async def _match_turned(self, part: Part, holds: Mapping[str, Sequence[Standing]]) -> bool:
        """Match what the reversals of a posted entry turn, as far as posting it did not, and the patients' corrected
        shares with what had paid the earlier ones. Answers whether there was anything to match."""
        if not any(claim.reverses for claim in part.claims):
            return False
        turning = [line for of in holds.values() for one in of if one.reverses for line in one.lines]
        turned = await turned_in(self._books, turning) or await self._turned_before(part, holds)
        waiting = [one for one in turned if not (one.line.settled or one.line.matched)]
        await take_apart(self._books, [one.booked for one in waiting])
        now = await items_by_line(self._books, (i for one in turned for i in (one.booked, *one.credits)))
        pairs = [([now[one.booked]], [one.line]) for one in waiting if one.booked in now]
        await match(self._books, pairs)
        shares = self._shares_of_credits(holds, turned, now)
        await match(self._books, shares)
        return bool(pairs or shares)

    def _shares_of_credits(
        self, holds: Mapping[str, Sequence[Standing]], turned: Sequence[Turned], now: Mapping[int, Item]
    ) -> list[tuple[list[Item], list[Item]]]:
        """What had paid a share pays the corrected one beside it; what that leaves over is told."""
        credits = {one.line.line: [now[i] for i in one.credits if i in now] for one in turned}
        found = []
        for label, of in holds.items():
            freed = [i for one in of for line in one.lines for i in credits.get(line.line, ())]
            shares = [one.share for one in of if not one.reverses and one.share and one.share.amount > 0]
            self._released[label] = [one.line for one in freed]
            found += [(freed, [share]) for share in shares if freed and not share.settled]
        return found

    async def _turned_before(self, part: Part, holds: Mapping[str, Sequence[Standing]]) -> list[Turned]:
        """What an entry of before takes back, whose lines don't say it: as far as that was interrupted."""
        turning = [one for of in holds.values() for one in of if one.claim.amount > 0 and not one.claim.settled]
        if not turning:
            return []
        undone = [one for of in (await self._undo(part)).values() for parts in of for one in parts.whole]
        by_lines = {(one.claim.label, one.claim.amount): one for one in turning}
        pairs = [(one, turned) for one in undone if (turned := by_lines.get((one.claim.label, -one.claim.amount)))]
        return [
            Turned(turns, booked.line, tuple(self._paid_by.get(booked.line, ())))
            for one, turned in pairs
            for booked, turns in zip(one.lines, turned.lines, strict=False)
        ]

    async def _owed(self, part: Part) -> dict[str, Owed]:
        currency = self._setting.currency_id(self._told.deposit.currency)
        return await owed(self._books, part.claims, self._payer, currency) if part.claims else {}

    async def _draft(self, part: Part) -> Draft:
        entry = self._entry(part.key, part.ref)
        if part.deposit:
            self._deposit(entry)
        lines = _Lines(Money.zero(self._told.deposit.currency))
        if part.claims:
            if any(claim.reverses for claim in part.claims):
                await self._books.poster.check_open(part.ref, self._told.received_on)
            undone = await self._undo(part)
            open_ = await self._owed(part)
            await self._look_back(part.claims, open_)
            lines = await self._claims(entry, part.claims, undone, open_, await self._taken_back_early(part))
        if not part.alone:
            paid = total((claim.paid for claim in self._told.claims), lines.paid.currency)
            clearing = self._setting.account("remittance_clearing_account")
            entry.line(clearing, DEPOSIT, -paid.amount if part.deposit else lines.paid.amount)
        return Draft(entry.document(), entry.total, lines.settles)

    async def _look_back(self, claims: Sequence[ClaimPayment], open_: Mapping[str, Owed]) -> None:
        """At what became before of the invoices for which claims are to be booked."""
        currency = self._setting.currency_id(self._told.deposit.currency)
        invoices = {c.appointment: open_[c.appointment].invoice for c in claims}
        of_currency = {key: [i for i in items if i.currency == currency] for key, items in invoices.items()}
        self._earlier |= await earlier(self._books, of_currency)
        paid = {
            claim_label(c): c.appointment
            for c in claims
            if c.appointment in self._earlier and open_[c.appointment].invoiced and not open_[c.appointment].items
        }
        before = await booked_before(self._books, self._payer, set(paid), ()) if paid else {}
        for label, of in before.items():  # those that found nothing open any more are matched with nothing
            given = [one.share for one in of if one.share and not one.claim.amount]
            self._earlier[paid[label]] = self._earlier[paid[label]].besides(given)

    def _entry(self, key: str, ref: str) -> EntryBuilder:
        told = self._told
        return EntryBuilder(
            "remittance",
            key,
            self._setting,
            self._books.organisation,
            on=told.received_on,
            journal="bank",
            currency=told.deposit.currency,
            ref=ref,
        )

    def _deposit(self, entry: EntryBuilder) -> None:
        clearing = self._setting.account("clearing_account")
        sign = "" if self._before else _sign(self._told)
        entry.line(clearing, DEPOSIT, self._told.deposit.amount, partner=self._payer, sign=sign)
        for kept in self._told.provider_adjustments:
            account = self._setting.adjustment(f"PLB-{kept.reason}")
            label = _kept_label(kept.reason, kept.reference)
            entry.line(account or clearing, label, kept.amount.amount, partner=self._payer)

    async def _undo(self, part: Part) -> dict[int, tuple[Standing, ...]]:
        """What each reversal of a part takes back, by the claim's place. Claims are taken apart from the invoices
        that they had settled, which a correction finds open; what had paid a share stays with it until the entry
        stands."""
        reversals = {n: claim for n, claim in enumerate(part.claims, 1) if claim.reverses}
        if not reversals:
            return {}
        labels = {claim_label(claim) for claim in reversals.values()}
        before = await booked_before(self._books, self._payer, labels, self._entries)
        undone: dict[int, tuple[Standing, ...]] = {}
        for number, claim in reversals.items():
            known = [one for one in before.get(claim_label(claim), ()) if one.claim.line not in self._undone]
            adjusted = sum((amount.amount for _, _, amount in self._adjusted(claim)), Decimal(0))
            undone[number] = undone_by(claim, adjusted, known)
            self._undone |= {one.claim.line for of in undone[number] for one in of.whole}
        whole = [one for parts in undone.values() for of in parts for one in of.whole]
        self._paid_by |= await credits_of(self._books, whole)
        await take_apart(self._books, [one.claim.line for one in whole])
        return undone

    async def _claims(
        self,
        entry: EntryBuilder,
        claims: Sequence[ClaimPayment],
        undone: Mapping[int, Sequence[Standing]],
        open_: Mapping[str, Owed],
        early: Mapping[int, Item],
    ) -> _Lines:
        """A claim's line on its payer's receivable, one on the patient's where the patient owes a share, and one a
        reason of what is adjusted away."""
        booked = [one for of in undone.values() for standing_ in of for one in standing_.whole]
        items = await items_by_line(self._books, (i.line for one in booked for i in one.lines))
        lines = _Lines(Money.zero(self._told.deposit.currency), items=items)
        for number, claim in enumerate(claims, 1):
            lines.paid += claim.paid
            if parts := undone.get(number):
                self._turn(entry, lines, number, claim, parts)
            elif reversal := early.get(number):
                self._settle_early(entry, lines, number, claim, reversal)
            else:
                self._claim(entry, lines, number, claim, open_[claim.appointment])
        return lines

    async def _taken_back_early(self, part: Part) -> dict[int, Item]:
        """What took back claims of a part before they came, by the claim's place."""
        early = await self._early(part)
        found: dict[int, Item] = {}
        for label, reversals in early.items():
            paid = {n: c.paid.amount for n, c in enumerate(part.claims, 1) if c.answered and claim_label(c) == label}
            found |= takes_back(reversals, paid)
        return found

    async def _early(self, part: Part) -> dict[str, list[Item]]:
        labels = {claim_label(claim) for claim in part.claims if claim.answered and claim.paid.amount}
        return await early_reversals(self._books, self._payer, labels, self._entries, self._told.received_on)

    async def _match_early(self, part: Part, holds: Mapping[str, Sequence[Standing]]) -> bool:
        """Match claims with the reversals that came before them, as far as posting it did not. Answers whether any."""
        waiting = {label: {one.claim.line: one.claim for one in of if _waits(one)} for label, of in holds.items()}
        if not any(waiting.values()):
            return False
        pairs = [
            ([reversal], [waiting[label][line]])
            for label, reversals in (await self._early(part)).items()
            for line, reversal in takes_back(
                reversals, {line: -one.residual for line, one in waiting.get(label, {}).items()}
            ).items()
        ]
        for pair in pairs:  # one after the other: halves of a claim share a reversal
            await match(self._books, [pair])
        return bool(pairs)

    def _settle_early(
        self, entry: EntryBuilder, lines: _Lines, number: int, claim: ClaimPayment, reversal: Item
    ) -> None:
        """A claim that was taken back before it came: its money is what the reversal took, and nothing else is
        booked."""
        told = Settles(mark(line_id(entry.name, f"claim{number}")), [reversal])
        entry.line(
            reversal.account, claim_label(claim), -claim.paid.amount, partner=reversal.partner, settles=told.mark
        )
        lines.settles.append(told)

    def _turn(
        self,
        entry: EntryBuilder,
        lines: _Lines,
        number: int,
        claim: ClaimPayment,
        parts: Sequence[Standing],
    ) -> None:
        """Turn exactly what was booked, line by line."""
        for n, part in enumerate((one for of in parts for one in of.whole), 1):
            for place, label, booked in (
                ("claim", claim_label(claim), part.claim),
                ("share", share_label(claim), part.share),
            ):
                if booked is None:
                    continue
                now = lines.items[booked.line]
                waits = bool(booked.amount) and not now.matched  # Odoo has a line of nothing matched from the first
                told = Settles(mark(line_id(entry.name, f"{place}{number}_{n}")), [now] if waits else ())
                entry.line(
                    booked.account,
                    label,
                    -booked.amount,
                    partner=booked.partner,
                    settles=told.mark if waits else "",
                    sign=sign_of(booked.line, self._paid_by.get(booked.line, ())),
                )
                lines.settles.append(told)
            for one in part.adjusted:
                entry.line(one.account, one.label, -one.amount, analytic=one.analytic)
        if any(part.summed for part in parts):  # what was adjusted then is only known by what the reversal says
            for code, account, amount in self._adjusted(claim):
                entry.line(account, adjustment_label(claim, code), amount.amount)

    def _claim(
        self,
        entry: EntryBuilder,
        lines: _Lines,
        number: int,
        claim: ClaimPayment,
        open_: Owed,
    ) -> None:
        """Book what a claim was paid; what it says beyond the money only as far as something is open for it."""
        left = lines.left.setdefault(claim.appointment, open_.open)
        beyond = self._beyond(claim, lines)
        adjusted, share = self._fitting(claim, open_, left - claim.paid.amount, beyond)
        lines.beyond[claim.appointment] = beyond + share
        reduced = total((amount for _, _, amount in adjusted), claim.paid.currency)
        amount = claim.paid.amount + reduced.amount + share
        lines.left[claim.appointment] = max(left - amount, Decimal(0))
        if not amount and not adjusted and not share:
            return
        applies = claim.answered and bool(open_.items) and amount > 0
        told = Settles(
            mark(line_id(entry.name, f"claim{number}")), open_.items if applies else (), partner=open_.face.partner
        )
        entry.line(
            open_.face.account,
            claim_label(claim),
            -amount,
            partner=open_.face.partner,
            settles=told.mark if applies else "",
        )
        lines.settles.append(told)
        if share:
            entry.line(open_.face.account, share_label(claim), share, partner=self._partners[claim.patient or ""])
            lines.settles.append(Settles(mark(line_id(entry.name, f"share{number}")), ()))
        for code, account, of_reason in adjusted:
            entry.line(account, adjustment_label(claim, code), of_reason.amount, analytic=open_.analytic)

    def _beyond(self, claim: ClaimPayment, lines: _Lines) -> Decimal:
        """What a claim's patient bears of the invoice beyond what is the patient's by this claim and those before."""
        before = self._earlier.get(claim.appointment, Earlier())
        borne = before.borne.get(self._partners.get(claim.patient or "", 0), Decimal(0))
        return lines.beyond.get(claim.appointment, borne) - claim.patient_responsibility.amount

    def _fitting(
        self, claim: ClaimPayment, open_: Owed, room: Decimal, beyond: Decimal
    ) -> tuple[list[tuple[str, int, Money]], Decimal]:
        """What of a claim's adjustments and its patient's share can be booked, where `room` is still open besides what
        was paid: adjustments all or not at all, the share as far as it is owed. What is lacking because the patient
        paid it, `beyond` the share, is given back to that patient: a negative share. Another payer's claim leaves the
        share where the first one put it."""
        if not claim.answered:
            return [], Decimal(0)
        adjusted = self._adjusted(claim) if open_.invoiced else self._adjusted_anew(claim)
        reduced = sum((amount.amount for _, _, amount in adjusted), Decimal(0))
        known = open_.invoiced and claim.patient in self._partners
        if known and room < reduced <= room + beyond:
            return adjusted, room - reduced
        if not open_.items or reduced > room:
            adjusted, reduced = [], Decimal(0)
        if not known:
            return adjusted, Decimal(0)
        return adjusted, max(min(claim.patient_responsibility.amount, room - reduced), Decimal(0))

    def _adjusted_anew(self, claim: ClaimPayment) -> list[tuple[str, int, Money]]:
        """What another payer's claim adjusts away that payers before it did not: it repeats what those said, by group
        and reason."""
        known = dict(self._earlier.get(claim.appointment, Earlier()).adjusted)
        found = []
        for code, account, amount in self._adjusted(claim):
            repeated = max(min(amount.amount, known.get(code, Decimal(0))), Decimal(0))
            known[code] = known.get(code, Decimal(0)) - repeated
            if amount.amount != repeated:
                found.append((code, account, amount - Money(repeated, amount.currency)))
        return found

    def _adjusted(self, claim: ClaimPayment) -> list[tuple[str, int, Money]]:
        """What of a claim is adjusted away: code, account and amount; what is to stay open is left out."""
        coded = ((one.code, one.amount) for one in claim.own_adjustments if one.amount)
        return [(code, account, amount) for code, amount in coded if (account := self._account_of(claim, code))]

    def _account_of(self, claim: ClaimPayment, code: str) -> int | None:
        """A reversal may name a reason that the catalogue doesn't know: it takes back what was booked, whatever it
        says."""
        try:
            return self._setting.adjustment(code)
        except Rejected:
            if claim.reverses:
                return None
            raise

    async def _settle_late(
        self, part: Part, holds: Mapping[str, Sequence[Standing]], open_: Mapping[str, Owed]
    ) -> bool:
        """What was paid before there was something to pay: it settles what is open by now. Answers whether any did."""
        waiting: dict[str, list[Item]] = defaultdict(list)
        for claim in part.claims:
            if claim.answered:
                waiting[claim.appointment] += [one.claim for one in holds.get(claim_label(claim), ()) if _waits(one)]
        reversed_ = {claim_label(claim): claim.appointment for claim in part.claims if claim.reverses}
        if reversed_:
            before = await booked_before(self._books, self._payer, set(reversed_), self._entries)
            for label, of in before.items():
                waiting[reversed_[label]] += [one.claim for one in of if _waits(one)]
        sets = [(open_[key].items, items) for key, items in waiting.items() if items and open_[key].items]
        await match(self._books, sets)
        return bool(sets)

    async def _complete(self, part: Part, holds: dict[str, list[Standing]], open_: Mapping[str, Owed]) -> None:
        """Book what a claim says beyond its money, where nothing was open for it at first and now something is: an
        entry a claim, which `holds` has then too."""
        lacking = [
            (number, claim, before)
            for number, claim, before in _paired(part.claims, holds)
            if claim.answered and self._lacks([claim], before, open_)
        ]
        if not lacking:
            return
        await self._look_back([claim for _, claim, _ in lacking], open_)
        known = await booked_before(self._books, self._payer, {claim_label(claim) for _, claim, _ in lacking}, ())
        alive = {one.claim.line for of in known.values() for standing_ in of for one in standing_.whole}
        for number, claim, before in lacking:
            key, label = f"{part.key} claim {number}", claim_label(claim)
            entry = (await self._books.finder.by_name("account.move", "remittance", [key])).get(key)
            if entry is not None:
                await self._post_again(key, entry, label, open_[claim.appointment])
            elif all(one.claim.line in alive for one in before):
                draft = self._completing(part, number, claim, before, open_[claim.appointment])
                if draft.total:
                    entry = unwrap((await book(self._books, [draft]))[draft.name]).row["id"]
            if entry is not None:
                holds.setdefault(label, []).extend(
                    standing(await lines_of_entries(self._books, [entry]), {label})[label]
                )

    async def _post_again(self, key: str, entry: int, label: str, open_: Owed) -> None:
        """What completes a claim and stands already is posted, and settles what it is for."""
        name = external_id("remittance", key)
        unwrap((await self._books.post({name: entry}))[name])
        held = standing(await lines_of_entries(self._books, [entry]), {label})[label]
        await match(self._books, [(open_.items, [one.claim]) for one in held if _waits(one)])

    def _completing(
        self, part: Part, number: int, claim: ClaimPayment, before: Sequence[Standing], open_: Owed
    ) -> Draft:
        """What is lacking of a claim, as far as it fits into what is open."""
        currency = claim.paid.currency
        shared = Money(sum((one.shared for one in before), Decimal(0)), currency)
        rest = msgspec.structs.replace(
            claim,
            paid=Money.zero(currency),
            patient_responsibility=claim.patient_responsibility - shared,
            adjustments=() if any(one.adjustments for one in before) else claim.adjustments,
        )
        entry = self._entry(f"{part.key} claim {number}", later_reference(part.ref, number))
        lines = _Lines(Money.zero(currency))
        self._claim(entry, lines, number, rest, open_)
        return Draft(entry.document(), entry.total, lines.settles)

    async def _ask(
        self, part: Part, holds: Mapping[str, Sequence[Standing]], open_: Mapping[str, Owed], questions: Questions
    ) -> None:
        """What a person has to decide, by what the entry holds."""
        released = [line for of in self._released.values() for line in of]
        credits = await items_by_line(self._books, released)
        freed = {label for label, of in self._released.items() if any(not credits[line].settled for line in of)}
        for label, of in _by_label(part.claims).items():
            standing_ = list(holds.get(label, ()))
            questions.unusual += [claim.claim for claim in of if not claim.answered and not claim.reverses]
            opened = any(not one.claim.settled or _is_given_back(one) for one in standing_)
            lacks = self._lacks(of, standing_, open_) and not await self._was_paid_already(of, standing_, open_)
            without = [
                claim.claim
                for claim in of
                if claim.answered and self._lacks_patient(claim, standing_, open_[claim.appointment])
            ]
            if (lacks or without) and await self._is_taken_back(label, standing_):
                lacks, without = False, []
            questions.without_patient += without
            if opened or label in freed or lacks:
                questions.unapplied.append(of[0].claim)

    async def _is_taken_back(self, label: str, holds: Sequence[Standing]) -> bool:
        """Whether nothing of what is held of a claim counts any more: what lacks of it is lacking for good."""
        alive = (await booked_before(self._books, self._payer, {label}, ())).get(label, ())
        lines = {one.claim.line for of in alive for one in of.whole}
        return bool(holds) and not any(one.claim.line in lines or one.reverses for one in holds)

    async def _was_paid_already(
        self, told: Sequence[ClaimPayment], holds: Sequence[Standing], open_: Mapping[str, Owed]
    ) -> bool:
        """Whether all that lacks of a claim is a share that its patient had paid before, at the desk for example."""
        if any(claim.reverses for claim in told):
            return False
        bare = [
            msgspec.structs.replace(claim, patient_responsibility=Money.zero(claim.paid.currency)) for claim in told
        ]
        if self._lacks(bare, [msgspec.structs.replace(one, share=None) for one in holds], open_):
            return False
        owner = self._partners.get(told[0].patient or "", 0)
        lacking = sum((claim.patient_responsibility.amount for claim in told), Decimal(0))
        lacking -= sum((one.shared for one in holds), Decimal(0))
        return await paid_by(self._books, open_[told[0].appointment].invoice, owner) >= lacking > 0

    def _lacks_patient(self, claim: ClaimPayment, holds: Sequence[Standing], open_: Owed) -> bool:
        owes = claim.patient_responsibility.amount > 0 and open_.invoiced
        return owes and claim.patient not in self._partners and not any(one.share for one in holds)

    def _lacks(self, told: Sequence[ClaimPayment], holds: Sequence[Standing], open_: Mapping[str, Owed]) -> bool:
        """Whether something of a claim could not be booked: there was nothing, or too little, to book it on."""
        if any(claim.reverses for claim in told):
            return not any(one.reverses for one in holds)
        if any(one.summed for one in holds):
            return False
        answered = [claim for claim in told if claim.answered and open_[claim.appointment].invoiced]
        if not answered:
            return False  # what another payer than the invoice's says beyond its money is booked as far as it fits
        known = [claim for claim in answered if claim.patient in self._partners]
        adjusted = sum((amount.amount for claim in answered for _, _, amount in self._adjusted(claim)), Decimal(0))
        shared = sum((claim.patient_responsibility.amount for claim in known), Decimal(0))
        booked = [one for one in holds if not one.reverses]
        return adjusted != sum((one.adjustments for one in booked), Decimal(0)) or shared != sum(
            (one.shared for one in booked), Decimal(0)
        )


def _kept_label(reason: str, reference: str) -> str:
    return f"PLB {reason} {reference}".strip()


def _waits(one: Standing) -> bool:
    """Whether a claim's credit found nothing to settle yet."""
    return one.claim.amount < 0 and one.claim.posted and not one.claim.settled


def _is_given_back(one: Standing) -> bool:
    """Whether a patient has something to the own credit that was paid beyond the share."""
    return one.share is not None and one.share.amount < 0 and not one.share.settled


def _sign(told: Remittance) -> str:
    """A digest of what a remittance says. Who the patients are is ours to know, and may be known better later."""
    claims = (
        (c.claim, c.appointment, c.status, c.charged, c.paid, c.patient_responsibility, *map(_said, c.adjustments))
        for c in told.claims
    )
    kept = ((one.reason, one.reference, one.amount) for one in told.provider_adjustments)
    parts = [(told.payer, told.number, told.deposit, told.received_on), *claims, *kept]
    text = "\x1e".join("\x1f".join(map(str, part)) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _said(adjustment: Adjustment) -> str:
    return f"{adjustment.code} {adjustment.amount}"


def _by_label(claims: Sequence[ClaimPayment]) -> dict[str, list[ClaimPayment]]:
    found: dict[str, list[ClaimPayment]] = defaultdict(list)
    for claim in claims:
        found[claim_label(claim)].append(claim)
    return found


def _paired(
    claims: Sequence[ClaimPayment], holds: Mapping[str, Sequence[Standing]]
) -> Iterator[tuple[int, ClaimPayment, list[Standing]]]:
    """Each claim with its place and what is held of it; halves of one claim are told apart by what they were paid."""
    rest = {label: list(of) for label, of in holds.items()}
    for number, claim in enumerate(claims, 1):
        of = rest.get(claim_label(claim), [])
        own = next((one for one in of if one.summed or one.paid == claim.paid.amount), None)
        if own is not None:
            of.remove(own)
        yield number, claim, [own] if own is not None else []
