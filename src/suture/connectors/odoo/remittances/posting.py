"""One remittance on its way into the books.

A number (TRN02) is its payer's own: the two together are the key. Entries of before carry the number alone as their
key; they are known by the payer of their deposit.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from suture.canonical.remittance import ClaimPayment, Remittance, imbalance
from suture.connectors.odoo.documents.booking import Draft, book
from suture.connectors.odoo.documents.matching import Item, items_by_line, match, take_apart
from suture.connectors.odoo.documents.session import CompanySession, deleted_in_odoo, unwrap
from suture.connectors.odoo.records.company_config import CompanyConfig
from suture.connectors.odoo.records.names import external_id, line_id
from suture.connectors.odoo.records.parties import partner_deleted
from suture.connectors.odoo.remittances.booked_claims import (
    DEPOSIT,
    RECEIVABLE,
    StandingClaim,
    booked_before,
    claim_label,
    later_reference,
    lines_of_entries,
    of_visit,
    said_alike,
    settled_invoices,
    standing,
)
from suture.connectors.odoo.remittances.booking import RemittanceBooking, kept_label, signature
from suture.connectors.odoo.remittances.claim_record import said_of
from suture.connectors.odoo.remittances.drafting import ClaimAccount, ClaimLines, Met, items_for, kind_of
from suture.connectors.odoo.remittances.earlier import Earlier, answer_of, earlier
from suture.connectors.odoo.remittances.owed import Owed, comes_second, owed
from suture.connectors.odoo.remittances.reversing import (
    Early,
    Paid,
    Turned,
    credits_of,
    early_reversals,
    takes_back,
    turned_in,
    undone_by,
)
from suture.connectors.odoo.transport.client import Row
from suture.connectors.port import LedgerPartner, OpenClaim, PostedRemittance, RemittanceProgress, SettledInvoice
from suture.core.failure import Rejected
from suture.core.money import Money, round_money, total

PART = 100
"""Claims in one entry."""
_MOST_COMPLETIONS = 5
"""How often what is lacking of a claim is booked in an entry of its own; then a person is asked."""


async def post(
    session: CompanySession,
    remittance: Remittance,
    partners: Sequence[LedgerPartner],
    progress: Callable[[RemittanceProgress], None],
) -> PostedRemittance:
    """Raises `Rejected` where its deposit isn't what it says, where the plan has no account for what the payer kept, or
    where its number stands for another deposit of this payer: nothing was written then."""
    _check(remittance, await session.setting())
    people = await session.parties.ensure_partners(partners)
    gone = [reference for reference, registered in people.items() if not registered.partner]
    if gone:
        raise partner_deleted(gone[0])
    if remittance.payer not in people:
        raise Rejected(
            "payer_unknown", f"the payer {remittance.payer} of remittance {remittance.number} has no name", "Name it."
        )
    told = RemittanceBooking(
        session, await session.setting(), remittance, {ref: one.partner for ref, one in people.items()}
    )
    posting = RemittancePosting(told)
    numbers: list[str] = []
    questions = Questions()
    invoices: list[SettledInvoice] = []
    claims = 0
    for part in await posting.parts():
        numbers.append(await posting.book(part, questions))
        invoices += await _invoices(session, told.setting, part)
        claims += len(part.claims)
        progress(RemittanceProgress(claims=claims, of=len(remittance.claims)))
    return PostedRemittance(
        numbers=tuple(numbers),
        deposit=remittance.deposit,
        claims=claims,
        of_visits={appointment: tuple(of) for appointment, of in posting.entries_of.items()},
        invoices=tuple({one.appointment: one for one in invoices}.values()),
        unapplied=tuple(dict.fromkeys(questions.unapplied)),
        left=tuple(questions.left),
        without_patient=tuple(questions.without_patient),
        unusual=tuple(questions.unusual),
        unbalanced=tuple(questions.unbalanced),
        unmapped=tuple(questions.unmapped),
    )


def _check(remittance: Remittance, setting: CompanyConfig) -> None:
    wrong = imbalance(remittance)
    if wrong:
        raise Rejected(
            "remittance_unbalanced",
            f"Remittance {remittance.number} does not add up: {wrong}",
            "Ask the payer, or whoever converted the file, for a remittance that balances.",
        )
    for kept in remittance.provider_adjustments:
        setting.adjustment(f"PLB-{kept.reason}")


async def _invoices(session: CompanySession, setting: CompanyConfig, part: "Part") -> list[SettledInvoice]:
    """The posted invoices of a part's claims, as they are now."""
    parts = await session.parts(sorted({claim.appointment for claim in part.claims}))
    of = {moves[""]: appointment for appointment, moves in parts.items() if "" in moves}
    fields = ["name", "state", "amount_residual", "payment_state", "currency_id"]
    rows = await session.odoo.read("account.move", sorted(of), fields) if of else {}
    codes = setting.codes()
    return [
        SettledInvoice(
            appointment=of[move],
            invoice=move,
            number=row["name"],
            residual=Money(round_money(Decimal(str(row["amount_residual"])), code := codes[row["currency_id"]]), code),
            payment_state=row["payment_state"],
        )
        for move, row in sorted(rows.items())
        if row["state"] == "posted"
    ]


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

    @property
    def numbered(self) -> list[tuple[int, ClaimPayment]]:
        return list(enumerate(self.claims, 1))


Holds = dict[str, list[StandingClaim]]
"""What an entry, and those that complete it, hold of claims, by label."""


@dataclass
class Questions:
    """The claims of which something is a person's to decide."""

    unapplied: list[str] = field(default_factory=list)
    left: list[OpenClaim] = field(default_factory=list)
    without_patient: list[str] = field(default_factory=list)
    unusual: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)
    unmapped: list[tuple[str, str]] = field(default_factory=list)


class RemittancePosting:
    """Books the parts of one remittance, one after the other."""

    def __init__(self, told: RemittanceBooking) -> None:
        self._told = told
        self._session = told.session
        self._before = False
        self._entries: list[int] = []
        self._undone: set[int] = set()
        self._contested: set[tuple[str, int]] = set()
        self._paid_by: dict[int, list[int]] = {}
        self._released: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.entries_of: dict[str, dict[str, None]] = defaultdict(dict)
        """The numbers of the entries in which what a visit's claims say was booked, or found booked."""

    @property
    def _remittance(self) -> Remittance:
        return self._told.remittance

    async def parts(self) -> list[Part]:
        """The entries in order. What takes back comes first, so that what is corrected finds its invoice open."""
        number, claims = self._remittance.number, self._remittance.claims
        self._before = await self._known_before()
        key = number if self._before else f"{self._remittance.payer} {number}"
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
        number = self._remittance.number
        found = await self._session.finder.by_name("account.move", "remittance", [number])
        if number not in found:
            name = external_id("remittance", number)
            if await self._session.crosswalk.recall([name]):
                raise deleted_in_odoo(name)
            return False
        rows = await lines_of_entries(self._session, [found[number]])
        payers = {row["partner_id"] for row in rows if row["name"] == DEPOSIT}
        return payers == {self._told.payer}

    async def book(self, part: Part, questions: Questions) -> str:
        """Book a part, or find it booked; answers its number in Odoo."""
        known = await self._session.finder.by_name("account.move", "remittance", [part.key])
        if known:
            row = await self._found(part, known[part.key])
        else:
            draft = await self._draft(part)
            row = unwrap((await book(self._session, [draft]))[draft.name]).row
        self._entries.append(row["id"])
        for claim in part.claims:
            self._in_entry(claim, row)
        holds = await self._holds(part, row["id"])
        if await self._match_turned(part, holds):
            holds = await self._holds(part, row["id"])
        if await self._match_early(part, holds):
            holds = await self._holds(part, row["id"])
        open_ = await self._owed(part)
        if await self._settle_late(part, holds, open_):
            holds, open_ = await self._holds(part, row["id"]), await self._owed(part)
        lacking = await self._complete(part, holds, open_)
        await self._ask(part, holds, open_, lacking, questions)
        return str(row["name"])

    def _in_entry(self, claim: ClaimPayment, row: Row) -> None:
        self.entries_of[claim.appointment][str(row["name"])] = None

    async def _found(self, part: Part, entry: int) -> Row:
        """A part that stands is what it was told as, and posted; nothing of it is worked out again."""
        await self._holds(part, entry)
        return unwrap((await self._session.post({part.name: entry}))[part.name])

    async def _holds(self, part: Part, entry: int) -> Holds:
        """What an entry holds of a part's claims. Raises `Rejected` where it is another remittance's: a number stands
        for one deposit and what it says."""
        rows = await lines_of_entries(self._session, [entry])
        holds = standing(rows, {claim_label(claim) for claim in part.claims})
        agrees = self._agrees_as_before(part, rows, holds) if self._before else await self._signed(part, rows)
        if not agrees:
            raise Rejected(
                "remittance_differs",
                f"Odoo holds another remittance of {self._remittance.payer} with the number"
                f" {self._remittance.number}, whose deposit or claims differ",
                "Ask the payer for a remittance with a number of its own; a correction reverses the earlier claims.",
            )
        return holds

    async def _signed(self, part: Part, rows: Sequence[Row]) -> bool:
        """Whether the deposit's entry says by its first line's external id that it is this remittance's."""
        if not part.deposit:
            return True
        first = next((row["id"] for row in rows if row["name"] == DEPOSIT), 0)
        names = await self._session.odoo.external_ids("account.move.line", [first])
        return names.get(first, "") == line_id(part.name, f"1_{signature(self._remittance)}")

    def _agrees_as_before(self, part: Part, rows: Sequence[Row], holds: Mapping[str, Sequence[StandingClaim]]) -> bool:
        """Whether an entry of before is this remittance's, by its deposit and by what it settled of each claim."""
        clearing, told = self._told.setting.account("remittance_clearing_account"), self._remittance
        kept = [(kept_label(one.reason, one.reference), one.amount.amount) for one in told.provider_adjustments]
        deposits = (
            (str(row["name"]), Decimal(str(row["amount_currency"])))
            for row in rows
            if row["account_id"] != clearing and (row["name"] == DEPOSIT or str(row["name"] or "").startswith("PLB "))
        )
        if part.deposit and sorted(deposits) != sorted([(DEPOSIT, told.deposit.amount), *kept]):
            return False
        lines = sum(len(one.lines) for of in holds.values() for one in of)
        if lines != sum(row["account_type"] == RECEIVABLE for row in rows):
            return False
        settled = {label: sorted(one.left for one in of) for label, of in holds.items()}
        said: dict[str, list[Decimal]] = defaultdict(list)
        for claim in part.claims:
            if amount := self._left(claim):
                said[claim_label(claim)].append(amount)
        return settled == {label: sorted(amounts) for label, amounts in said.items()}

    def _left(self, claim: ClaimPayment) -> Decimal:
        """What was paid and adjusted away of a claim together."""
        return sum((one.amount.amount for one in self._told.reasons(claim)), claim.paid.amount)

    async def _owed(self, part: Part) -> dict[str, Owed]:
        return await owed(self._session, part.claims, self._told.payer, self._told.currency)

    async def _account(self, claims: Sequence[ClaimPayment], open_: Mapping[str, Owed]) -> ClaimAccount:
        """What claims meet: what is open, and what became of their invoices before. Claims that gave back what was
        paid beyond a share are matched with nothing of the invoice; they are looked for where its patient paid."""
        invoices = {c.appointment: open_[c.appointment].invoice for c in claims}
        of_currency = {key: [i for i in items if i.currency == self._told.currency] for key, items in invoices.items()}
        others = any(comes_second(c) or not open_[c.appointment].billed for c in claims)
        before = await earlier(self._session, of_currency, others=others)
        paid = {
            claim_label(c): c.appointment
            for c in claims
            if self._told.patient(c) in before.get(c.appointment, Earlier()).paid
        }
        for label, of in (await booked_before(self._session, self._told.payer, set(paid), ())).items():
            given = [one.whole for one in of_visit(of, paid[label]) if any(i.claim.amount >= 0 for i in one.whole)]
            answers = [answer_of(one, billed=True) for whole in given for one in whole]
            before[paid[label]] = before[paid[label]].also(answers)
        return ClaimAccount(open_, before)

    async def _draft(self, part: Part) -> Draft:
        entry = self._told.entry(part.key, part.ref)
        if part.deposit or any(claim.reverses for claim in part.claims):  # nothing is left behind where it is refused
            await self._session.poster.check_open(part.ref, self._remittance.received_on)
        if part.deposit:
            self._told.deposit(entry, signed=not self._before)
        lines = ClaimLines(self._told, entry, ClaimAccount({}, {}))
        if part.claims:
            undone = await self._undo(part)
            lines.account = await self._account(part.claims, await self._owed(part))
            await self._claims(lines, part, undone, await self._taken_back_early(part))
        if not part.alone:
            currency = self._remittance.deposit.currency
            paid = total((claim.paid for claim in self._remittance.claims), currency)
            own = total((claim.paid for claim in part.claims), currency)
            clearing = self._told.setting.account("remittance_clearing_account")
            entry.line(clearing, DEPOSIT, -paid.amount if part.deposit else own.amount)
        return lines.draft

    async def _claims(
        self, lines: ClaimLines, part: Part, undone: Mapping[int, Sequence[StandingClaim]], early: Mapping[int, Item]
    ) -> None:
        booked = [one for of in undone.values() for standing_ in of for one in standing_.whole]
        items = await items_by_line(self._session, (i.line for one in booked for i in one.lines))
        for number, claim in part.numbered:
            if parts := undone.get(number):
                lines.turn(number, claim, parts, items, self._paid_by)
            elif reversal := early.get(number):
                lines.taken_back_early(number, claim, reversal)
            else:
                lines.claim(number, claim, contested=(part.key, number) in self._contested)

    # What takes back

    async def _undo(self, part: Part) -> dict[int, tuple[StandingClaim, ...]]:
        """What each reversal of a part takes back, by the claim's place. Claims are taken apart from the invoices
        that they had settled, which a correction finds open; what had paid a share stays with it until the entry
        stands."""
        reversals = {n: claim for n, claim in part.numbered if claim.reverses}
        if not reversals:
            return {}
        labels = {claim_label(claim) for claim in reversals.values()}
        before = await booked_before(self._session, self._told.payer, labels, self._entries)
        own = await self._own_invoices(reversals.values(), before)
        undone: dict[int, tuple[StandingClaim, ...]] = {}
        for number, claim in reversals.items():
            known = [
                one
                for one in of_visit(before.get(claim_label(claim), ()), claim.appointment)
                if one.claim.line not in self._undone and own(one, claim)
            ]
            adjusted = sum((one.amount.amount for one in self._told.reasons(claim)), Decimal(0))
            undone[number] = undone_by(claim, adjusted, known)
            if known and not undone[number]:
                self._contested.add((part.key, number))
            self._undone |= {one.claim.line for of in undone[number] for one in of.whole}
        whole = [one for parts in undone.values() for of in parts for one in of.whole]
        self._paid_by |= await credits_of(self._session, whole)
        await take_apart(self._session, [one.claim.line for one in whole])
        return undone

    async def _own_invoices(
        self, claims: Iterable[ClaimPayment], known: Mapping[str, Sequence[StandingClaim]]
    ) -> Callable[[StandingClaim, ClaimPayment], bool]:
        """Tells of lines of before, which don't say of which visit they are, by the invoices that they settled."""
        unsaid = [one for of in known.values() for one in of if one.said is None]
        if not unsaid:
            return lambda one, claim: True
        settled = await settled_invoices(self._session, unsaid)
        parts = await self._session.parts([claim.appointment for claim in claims])

        def own(one: StandingClaim, claim: ClaimPayment) -> bool:
            invoices = settled.get(one.claim.line)
            return not invoices or not invoices.isdisjoint(parts.get(claim.appointment, {}).values())

        return own

    async def _match_turned(self, part: Part, holds: Holds) -> bool:
        """Match what the reversals of a posted entry turn, as far as posting it did not, and the patients' corrected
        shares with what had paid the earlier ones. Answers whether there was anything to match."""
        if not any(claim.reverses for claim in part.claims):
            return False
        turning = [line for of in holds.values() for one in of if one.reverses for line in one.lines]
        turned = await turned_in(self._session, turning) or await self._turned_before(part, holds)
        waiting = [one for one in turned if not (one.line.settled or one.line.matched)]
        await take_apart(self._session, [one.booked for one in waiting])
        now = await items_by_line(self._session, (i for one in turned for i in (one.booked, *one.credits)))
        pairs = [([now[one.booked]], [one.line]) for one in waiting if one.booked in now]
        await match(self._session, pairs)
        shares = self._shares_of_credits(part, holds, turned, now)
        await match(self._session, shares)
        return bool(pairs or shares)

    def _shares_of_credits(
        self, part: Part, holds: Holds, turned: Sequence[Turned], now: Mapping[int, Item]
    ) -> list[tuple[list[Item], list[Item]]]:
        """What had paid a share pays the corrected one beside it; what that leaves over is told."""
        credits = {one.line.line: [now[i] for i in one.credits if i in now] for one in turned}
        found = []
        for claim in _of_each_visit(part.claims):
            of = _held(claim, holds)
            freed = [i for one in of for line in one.lines for i in credits.get(line.line, ())]
            shares = [one.share for one in of if not one.reverses and one.share and one.share.amount > 0]
            self._released[_group(claim)] = [one.line for one in freed]
            found += [(freed, [share]) for share in shares if freed and not share.settled]
        return found

    async def _turned_before(self, part: Part, holds: Holds) -> list[Turned]:
        """What an entry of before takes back, whose lines don't say it: as far as that was interrupted."""
        turning = [one for of in holds.values() for one in of if one.claim.amount > 0 and not one.claim.settled]
        if not turning or any(one.said for one in turning):
            return []
        undone = [one for of in (await self._undo(part)).values() for parts in of for one in parts.whole]
        by_lines = {(one.claim.label, one.claim.amount): one for one in turning}
        pairs = [(one, turned) for one in undone if (turned := by_lines.get((one.claim.label, -one.claim.amount)))]
        return [
            Turned(turns, booked.line, tuple(self._paid_by.get(booked.line, ())))
            for one, turned in pairs
            for booked, turns in zip(one.lines, turned.lines, strict=False)
        ]

    # What was taken back before it came

    async def _taken_back_early(self, part: Part) -> dict[int, Item]:
        """What took back claims of a part before they came, by the claim's place."""
        found: dict[int, Item] = {}
        for label, reversals in (await self._early(part)).items():
            paid = {n: self._paid(c) for n, c in part.numbered if c.answered and claim_label(c) == label}
            found |= takes_back(reversals, paid)
        return found

    def _paid(self, claim: ClaimPayment) -> Paid:
        return Paid(claim.paid.amount, said_of(claim, "paid"), self._remittance.received_on)

    async def _early(self, part: Part) -> dict[str, list[Early]]:
        labels = {claim_label(claim) for claim in part.claims if claim.answered and claim.paid.amount}
        since = self._remittance.received_on
        return await early_reversals(self._session, self._told.payer, labels, self._entries, since)

    async def _match_early(self, part: Part, holds: Holds) -> bool:
        """Match claims with the reversals that came before them, as far as posting it did not. Answers whether any."""
        waiting = {one.claim.line: one.claim for of in holds.values() for one in of if one.waits}
        if not waiting:
            return False
        paid: dict[str, dict[int, Paid]] = defaultdict(dict)
        for _, claim, held in _paired(part, holds):
            for one in held[:1]:
                if one.claim.line in waiting:
                    paid[claim_label(claim)][one.claim.line] = msgspec.structs.replace(
                        self._paid(claim), amount=-one.claim.residual
                    )
        pairs = [
            ([reversal], [waiting[line]])
            for label, reversals in (await self._early(part)).items()
            for line, reversal in takes_back(reversals, paid[label]).items()
        ]
        for pair in pairs:  # one after the other: halves of a claim share a reversal
            await match(self._session, [pair])
        return bool(pairs)

    # What comes afterwards

    async def _settle_late(self, part: Part, holds: Holds, open_: Mapping[str, Owed]) -> bool:
        """What was paid before there was something to pay: it settles what is open by now. Answers whether any did."""
        waiting: dict[str, list[StandingClaim]] = defaultdict(list)
        for claim in _of_each_visit([claim for claim in part.claims if claim.answered]):
            waiting[claim.appointment] += [one for one in _held(claim, holds) if one.waits]
        reversed_ = [claim for claim in part.claims if claim.reverses]
        labels = {claim_label(claim) for claim in reversed_}
        before = await booked_before(self._session, self._told.payer, labels, self._entries)
        for claim in _of_each_visit(reversed_):
            waiting[claim.appointment] += [one for one in _held(claim, before) if one.waits]
        if not any(waiting.values()):
            return False
        account = await self._account([c for c in part.claims if waiting.get(c.appointment)], open_)
        sets = []
        for claim in {c.appointment: c for c in part.claims if waiting.get(c.appointment)}.values():
            for one in waiting[claim.appointment]:
                owed_, known = open_[claim.appointment], account.before(claim, [one])
                kind = kind_of(claim, owed_, known, [one])
                sets.append((items_for(kind, owed_, known)[1], [one.claim]))
        sets = [of for of in sets if of[0]]
        for of in sets:  # one after the other: halves of a claim pay one invoice
            await match(self._session, [of])
        return bool(sets)

    async def _complete(self, part: Part, holds: Holds, open_: Mapping[str, Owed]) -> dict[int, Met]:
        """Book what a claim says beyond its money, where nothing was open for it at first and now something is: an
        entry a claim, which `holds` has then too. Answers what became of those of which something was lacking, by
        their place, without those that were taken back."""
        lacking = [(n, claim, held) for n, claim, held in _paired(part, holds) if _may_lack(claim, held)]
        if not lacking:
            return {}
        labels = {claim_label(claim) for _, claim, _ in lacking}
        known = await booked_before(self._session, self._told.payer, labels, ())
        alive = {one.claim.line for of in known.values() for first in of for one in first.whole}
        account = await self._account([claim for _, claim, _ in lacking], open_)
        found: dict[int, Met] = {}
        for number, claim, first in lacking:
            key, later = await self._completions(part, number, claim, first, account)
            held = [*first, *later]
            holds.setdefault(claim_label(claim), []).extend(later)
            if any(one.is_all for one in later) or any(one.claim.line not in alive for one in held):
                continue
            lines = ClaimLines(self._told, self._told.entry(key, later_reference(part.ref, number)), account)
            found[number] = lines.claim(number, claim, held)
            if key and lines.draft.total:
                row = unwrap((await book(self._session, [lines.draft]))[lines.draft.name]).row
                self._in_entry(claim, row)
                holds[claim_label(claim)] += await self._standing(row["id"], claim)
        return found

    async def _completions(
        self, part: Part, number: int, claim: ClaimPayment, held: Sequence[StandingClaim], account: ClaimAccount
    ) -> tuple[str, list[StandingClaim]]:
        """What completes a claim and stands already, posted and matched with what it is for; and the key of the next
        such entry, empty where there have been enough."""
        found: list[StandingClaim] = []
        for n in range(1, _MOST_COMPLETIONS + 1):
            key = f"{part.key} claim {number}{f' {n}' if n > 1 else ''}"
            entry = (await self._session.finder.by_name("account.move", "remittance", [key])).get(key)
            if entry is None:
                return key, found
            row = unwrap((await self._session.post({(name := external_id("remittance", key)): entry}))[name])
            self._in_entry(claim, row)
            stands = await self._standing(entry, claim)
            for one in stands:
                owed_, before = account.open[claim.appointment], account.before(claim, [*held, one])
                items = items_for(kind_of(claim, owed_, before, held), owed_, before)[1]
                money = [first.claim for first in held if first.waits]
                await match(self._session, [(items if one.waits else money, [one.claim])])
            found += await self._standing(entry, claim)
        return "", found

    async def _standing(self, entry: int, claim: ClaimPayment) -> list[StandingClaim]:
        label = claim_label(claim)
        return _held(claim, standing(await lines_of_entries(self._session, [entry]), {label}))

    async def _ask(
        self, part: Part, holds: Holds, open_: Mapping[str, Owed], lacking: Mapping[int, Met], questions: Questions
    ) -> None:
        """What a person has to decide, by what stands."""
        released = [line for of in self._released.values() for line in of]
        credits = await items_by_line(self._session, released)
        for claim in _of_each_visit(part.claims):
            of = [(number, one) for number, one in part.numbered if _group(one) == _group(claim)]
            standing_ = _held(claim, holds)
            met = [lacking[number] for number, _ in of if number in lacking]
            opened = any(not one.claim.settled or _is_given_back(one) for one in standing_)
            free = [credits[line] for line in self._released.get(_group(claim), ()) if not credits[line].settled]
            reverses = any(one.reverses for _, one in of) and not any(one.reverses for one in standing_)
            if opened or free or reverses or any(_lacks(one, open_[claim.appointment]) for one in met):
                questions.unapplied.append(claim.claim)
                questions.left.append(_left_open(claim, standing_, free))
        for number, claim in part.numbered:
            if not claim.answered and not claim.reverses:
                questions.unusual.append(claim.claim)
            if number in lacking:
                self._ask_why(claim, lacking[number], questions)

    def _ask_why(self, claim: ClaimPayment, met: Met, questions: Questions) -> None:
        """Why a claim of which something is lacking can't be booked whole."""
        if met.adjudged.without_patient:
            questions.without_patient.append(claim.claim)
        if claim.misfit:
            questions.unbalanced.append(claim.claim)
        if code := self._told.unmapped(claim):
            questions.unmapped.append((claim.claim, code))


def _left_open(claim: ClaimPayment, known: Sequence[StandingClaim], free: Sequence[Item]) -> OpenClaim:
    over = [one.share for one in known if one.share and _is_given_back(one)]
    currency = claim.paid.currency

    def together(items: Iterable[Item]) -> Money:
        return Money(abs(sum((one.residual for one in items), Decimal(0))), currency)

    return OpenClaim(
        claim=claim.claim,
        credit=together(one.claim for one in known if one.claim.residual < 0),
        debit=together(one.claim for one in known if one.claim.residual > 0),
        over=together([*over, *free]),
    )


def _lacks(met: Met, open_: Owed) -> bool:
    """Whether what lacks of a claim is a person's to look at. What another payer than the invoice's says beyond its
    money is booked as far as there is something to book it on."""
    if met.kind == "also":
        return not met.adjudged.fits and bool(open_.rest or open_.shares)
    return not met.adjudged.fits


def _may_lack(claim: ClaimPayment, held: Sequence[StandingClaim]) -> bool:
    return claim.answered and not any(one.is_all for one in held)


def _is_given_back(one: StandingClaim) -> bool:
    """Whether a patient has something to the own credit that was paid beyond the share."""
    return one.share is not None and one.share.amount < 0 and not one.share.settled


def _group(claim: ClaimPayment) -> tuple[str, str]:
    """A claim's number is its visit's."""
    return claim_label(claim), claim.appointment


def _of_each_visit(claims: Sequence[ClaimPayment]) -> list[ClaimPayment]:
    """One claim, the first, of each number and visit."""
    return list({_group(claim): claim for claim in reversed(claims)}.values())[::-1]


def _held(claim: ClaimPayment, holds: Mapping[str, Sequence[StandingClaim]]) -> list[StandingClaim]:
    return of_visit(holds.get(claim_label(claim), ()), claim.appointment)


def _paired(part: Part, holds: Holds) -> Iterator[tuple[int, ClaimPayment, list[StandingClaim]]]:
    """Each claim with its place and what its entry holds of it; halves of one claim are told apart by what was said and
    by what they were paid."""
    rest = {label: list(of) for label, of in holds.items()}
    for number, claim in part.numbered:
        of = rest.get(claim_label(claim), [])
        said = said_of(claim, "paid")
        known = [one for one in of_visit(of, claim.appointment) if one.summed or one.paid == claim.paid.amount]
        own = next((one for one in known if one.said is None or said_alike(one.said, said)), None)
        if own is not None:
            of.remove(own)
        yield number, claim, [own] if own is not None else []
