"""What the claims of a remittance settle, and what entries hold of claims: by what was booked, never computed anew.

An entry's lines of one claim stand one after the other: first its own on a receivable, labelled with the claim's
number, then the patient's share and the adjustments, whose labels begin with the first one's. Entries of before hold
their adjustments as one sum a reason at the end (`Standing.summed`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import combinations

import msgspec

from suture.canonical.remittance import ClaimPayment
from suture.connectors.odoo.books import Books
from suture.connectors.odoo.client import Row
from suture.connectors.odoo.matching import ITEM_FIELDS, Item, item, items_of
from suture.connectors.odoo.names import source
from suture.core.failure import Fatal

DEPOSIT, SUMMED, TRANSFERRED, CLAIM = "Remittance", "Adjustments ", "Patient's share", "Claim "
_LINE, _PARTIAL, _RECEIVABLE = "account.move.line", "account.partial.reconcile", "asset_receivable"
_FIELDS = (*ITEM_FIELDS, "account_type", "analytic_distribution")
_UNDOES = "undoes_"
_MOST_PARTS = 8
"""Into how many parts of one claim a reversal is looked for; what was split further is a person's."""


class Face(msgspec.Struct, frozen=True):
    """On which receivable account, and whose, a claim is booked."""

    account: int
    partner: int


class Adjusted(msgspec.Struct, frozen=True):
    """A line of what was adjusted away of a claim."""

    account: int
    label: str
    amount: Decimal
    analytic: Row | None


class Standing(msgspec.Struct, frozen=True):
    """What one entry holds of a claim. In a booking the claim's own line is a credit; it is nothing where the patient
    had paid all of the invoice, to whom the claim gives back what is beyond the share."""

    entry: int
    claim: Item
    share: Item | None = None
    adjusted: tuple[Adjusted, ...] = ()
    summed: bool = False
    later: tuple["Standing", ...] = ()
    """What of the same claim was booked afterwards, in entries of their own."""

    @property
    def whole(self) -> tuple["Standing", ...]:
        return (self, *self.later)

    @property
    def reverses(self) -> bool:
        """Whether it takes a claim back."""
        return self.deciding.amount > 0

    @property
    def deciding(self) -> Item:
        """The line whose side, and whose match, says whether a claim is booked or taken back."""
        return self.share if self.share and not self.claim.amount else self.claim

    @property
    def lines(self) -> list[Item]:
        """Its lines on receivables."""
        return [self.claim] if self.share is None else [self.claim, self.share]

    @property
    def shared(self) -> Decimal:
        return self.share.amount if self.share else Decimal(0)

    @property
    def adjustments(self) -> Decimal:
        return sum((one.amount for one in self.adjusted), Decimal(0))

    @property
    def left(self) -> Decimal:
        """What its own line is without the patient's share: paid and, in an entry of before, adjusted."""
        return -self.claim.amount - self.shared

    @property
    def paid(self) -> Decimal:
        return self.left - self.adjustments


def claim_label(claim: ClaimPayment) -> str:
    return f"{CLAIM}{claim.claim}"


def share_label(claim: ClaimPayment) -> str:
    return f"{claim_label(claim)}, patient's share"


def adjustment_label(claim: ClaimPayment, code: str) -> str:
    return f"{claim_label(claim)}, {code}"


async def lines_of_entries(books: Books, entries: Collection[int]) -> list[Row]:
    """All lines of entries, in the order in which they were written."""
    if not entries:
        return []
    rows = await books.odoo.search(_LINE, [["move_id", "in", sorted(entries)]], _FIELDS)
    return sorted(rows, key=lambda row: (row["move_id"], row["id"]))


def standing(rows: Sequence[Row], labels: Collection[str]) -> dict[str, list[Standing]]:
    """What entries hold of the claims with these labels, in order, out of all their lines."""
    summed = {row["move_id"] for row in rows if str(row["name"] or "").startswith(SUMMED)}
    found: dict[str, list[Standing]] = defaultdict(list)
    label, entry = "", 0
    for row in rows:
        name, receivable = str(row["name"] or ""), row["account_type"] == _RECEIVABLE
        if receivable and name in labels:
            label, entry = name, row["move_id"]
            found[label].append(Standing(entry, item(row), summed=entry in summed))
        elif label and row["move_id"] == entry and name.startswith(f"{label}, "):
            found[label][-1] = _with(found[label][-1], row, receivable=receivable)
        else:
            label = ""
    return found


def _with(of: Standing, row: Row, *, receivable: bool) -> Standing:
    if receivable:
        return msgspec.structs.replace(of, share=item(row))
    amount = Decimal(str(row["amount_currency"]))
    one = Adjusted(row["account_id"], row["name"], amount, row["analytic_distribution"] or None)
    return msgspec.structs.replace(of, adjusted=(*of.adjusted, one))


async def booked_before(
    books: Books, payer: int, labels: Collection[str], besides: Collection[int]
) -> dict[str, list[Standing]]:
    """What earlier remittances of a payer booked of claims and none has taken back, oldest first. `besides` are the
    entries of the remittance that asks: nothing reverses what it books itself."""
    domain = [
        ["name", "in", sorted(labels)],
        ["account_type", "=", _RECEIVABLE],
        ["parent_state", "=", "posted"],
        ["move_id.invoice_origin", "=", source("remittance", books.organisation)],
    ]
    found = await books.odoo.search(_LINE, domain, ["move_id"])
    rows = await lines_of_entries(books, {row["move_id"] for row in found} - set(besides))
    payers = {row["move_id"] for row in rows if row["name"] == DEPOSIT and row["partner_id"] == payer}
    theirs = {
        label: [one for one in of if one.claim.partner == payer or one.entry in payers]
        for label, of in standing(rows, labels).items()
    }
    turned = await _turned(books, [one for of in theirs.values() for one in of])
    refs = await _references(books, {one.entry for of in theirs.values() for one in of})
    return {
        label: _together([one for one in of if not one.reverses and one.claim.line not in turned], refs)
        for label, of in theirs.items()
    }


async def _references(books: Books, entries: Collection[int]) -> dict[int, str]:
    rows = await books.odoo.read("account.move", sorted(entries), ["ref"]) if entries else {}
    return {entry: str(row["ref"] or "") for entry, row in rows.items()}


def later_reference(reference: str, place: int) -> str:
    """The reference of an entry that completes the claim at a place of the one with this `reference`."""
    return f"{reference}+{place}"


def _together(known: Sequence[Standing], refs: Mapping[int, str]) -> list[Standing]:
    """What completes another entry's claim belongs to that one."""
    found: list[Standing] = []
    for one in known:
        begun = refs.get(one.entry, "").rpartition("+")[0]
        place = next((n for n, of in enumerate(found) if begun and refs.get(of.entry) == begun and not of.later), None)
        if place is None:
            found.append(one)
        else:
            found[place] = msgspec.structs.replace(found[place], later=(one,))
    return found


async def _turned(books: Books, known: Sequence[Standing]) -> set[int]:
    """The claims' lines that a reversal was matched with."""
    booked = {one.deciding.line: one.claim.line for one in known if not one.reverses}
    reversals = [one.deciding.line for one in known if one.reverses]
    if not booked or not reversals:
        return set()
    domain = [["credit_move_id", "in", list(booked)], ["debit_move_id", "in", reversals]]
    return {booked[row["credit_move_id"]] for row in await books.odoo.search(_PARTIAL, domain, ["credit_move_id"])}


def undone_by(claim: ClaimPayment, adjusted: Decimal, known: Sequence[Standing]) -> tuple[Standing, ...]:
    """What a reversal takes back: of what stands of its claim, that part whose payment it names, else several that come
    to it together, the newest first. Nothing where no payment is the one that it names. `adjusted` is what it says was
    adjusted away (negative), which only entries of before need."""
    paid, newest = -claim.paid.amount, list(reversed(known))

    def comes_to_it(parts: Sequence[Standing]) -> bool:
        if any(one.summed for one in parts):
            return sum((one.left for one in parts), Decimal(0)) == paid - adjusted
        return sum((one.paid for one in parts), Decimal(0)) == paid

    alone = [one for one in newest if comes_to_it([one])]
    if alone:  # two halves that were paid alike are told apart by the rest of what the reversal says
        said = (-adjusted, -(claim.patient_responsibility or claim.explained).amount)
        return (min(alone, key=lambda one: (one.adjustments, one.shared) != said),)
    several = newest[:_MOST_PARTS]
    for size in range(len(newest), 1, -1):
        of_size = [tuple(newest)] if size == len(newest) else combinations(several, size)
        for parts in of_size:
            if comes_to_it(parts):
                return parts
    return ()


class Turned(msgspec.Struct, frozen=True):
    """A line of ours that takes back the line `booked`, and the lines that had paid that one (`credits`): they are
    open again."""

    line: Item
    booked: int
    credits: tuple[int, ...] = ()


def sign_of(booked: int, credits: Sequence[int]) -> str:
    """What the external id of a line ends in that takes back the line `booked`. It is written before anything is taken
    apart, so that whoever goes on after an interruption knows what had paid what."""
    return f"{_UNDOES}{'_'.join(map(str, (booked, *credits)))}"


async def turned_in(books: Books, lines: Sequence[Item]) -> list[Turned]:
    """What lines of ours say that they take back (`sign_of`)."""
    names = await books.odoo.external_ids(_LINE, [one.line for one in lines])
    found = []
    for one in lines:
        _, says, ids = names.get(one.line, "").rpartition(f"_{_UNDOES}")
        if says:
            booked, *credits = map(int, ids.split("_"))
            found.append(Turned(one, booked, tuple(credits)))
    return found


async def credits_of(books: Books, known: Sequence[Standing]) -> dict[int, list[int]]:
    """What has paid patients' shares, by the share's line."""
    shares = [one.share.line for one in known if one.share]
    found: dict[int, list[int]] = defaultdict(list)
    if shares:
        fields = ["debit_move_id", "credit_move_id"]
        for row in await books.odoo.search(_PARTIAL, [["debit_move_id", "in", shares]], fields):
            found[row["debit_move_id"]].append(row["credit_move_id"])
    return found


async def early_reversals(
    books: Books, payer: int, labels: Collection[str], besides: Collection[int], since: date
) -> dict[str, list[Item]]:
    """What reversals of a payer took back, not before `since`, of claims that were not booked then: their lines, that
    nothing was matched with, the oldest first."""
    domain = [
        ["name", "in", sorted(labels)],
        ["partner_id", "=", payer],
        ["account_type", "=", _RECEIVABLE],
        ["parent_state", "=", "posted"],
        ["reconciled", "=", False],
        ["amount_currency", ">", 0],
        ["date", ">=", since.isoformat()],
        ["move_id.invoice_origin", "=", source("remittance", books.organisation)],
    ]
    rows = await books.odoo.search(_LINE, domain, ITEM_FIELDS) if labels else []
    lines = [one for row in rows if not (one := item(row)).matched and one.move not in besides]
    turning = {one.line.line for one in await turned_in(books, lines)} if lines else set()
    found: dict[str, list[Item]] = defaultdict(list)
    for one in sorted(lines, key=lambda one: one.line):
        if one.line not in turning:
            found[one.label].append(one)
    return found


def takes_back(reversals: Sequence[Item], paid: Mapping[int, Decimal]) -> dict[int, Item]:
    """Which of these reversals takes back which payments of one claim (by any number): the one that it names, or all of
    them together."""
    found: dict[int, Item] = {}
    for one in reversals:
        rest = {number: amount for number, amount in paid.items() if number not in found}
        alone = next((number for number, amount in rest.items() if amount == one.residual), None)
        if alone is not None:
            found[alone] = one
        elif sum(rest.values(), Decimal(0)) == one.residual:
            found |= dict.fromkeys(rest, one)
    return found


async def take_apart(books: Books, lines: Sequence[int]) -> None:
    """Undo what lines were matched with, and nothing else that pays the same invoice."""
    if not lines:
        return
    either = ["|", ["debit_move_id", "in", lines], ["credit_move_id", "in", lines]]
    partials = await books.odoo.search(_PARTIAL, either, ["id"])
    if partials:
        await books.odoo.do(_PARTIAL, "unlink", [row["id"] for row in partials])


async def items_by_line(books: Books, lines: Iterable[int]) -> dict[int, Item]:
    """These lines as they are now."""
    wanted = sorted(set(lines))
    rows = await books.odoo.search(_LINE, [["id", "in", wanted]], ITEM_FIELDS) if wanted else []
    return {row["id"]: item(row) for row in rows}


async def standing_shares(books: Books, invoices: Mapping[str, Sequence[Item]]) -> dict[str, list[Item]]:
    """What of invoices (their items by appointment) was left to the patients and is open: by remittances, in a line of
    the claim that settled the invoice, or by transfers."""
    of_line = {one.line: key for key, items in invoices.items() for one in items}
    if not of_line:
        return {}
    partials = await books.odoo.search(
        _PARTIAL, [["debit_move_id", "in", list(of_line)]], ["debit_move_id", "credit_move_id"]
    )
    settled = {row["credit_move_id"]: of_line[row["debit_move_id"]] for row in partials}
    credits = await books.odoo.read(_LINE, list(settled), ["move_id"]) if settled else {}
    entries = sorted({row["move_id"] for row in credits.values()})
    moves = await books.odoo.read("account.move", entries, ["invoice_origin"]) if entries else {}
    origins = {source(kind, books.organisation): kind for kind in ("remittance", "transfer")}
    kinds = {i: origins[row["invoice_origin"]] for i, row in moves.items() if row["invoice_origin"] in origins}
    found: dict[str, list[Item]] = defaultdict(list)
    rows = await lines_of_entries(books, kinds.keys())
    transferred = {row["move_id"]: settled[row["id"]] for row in rows if row["id"] in settled}
    label, of = "", ""
    for row in rows:
        if row["account_type"] != _RECEIVABLE:
            continue
        name, share = str(row["name"] or ""), item(row)
        if kinds[row["move_id"]] == "transfer":
            label, of = TRANSFERRED, transferred[row["move_id"]]
        elif not (label and name == f"{label}, patient's share"):
            label, of = (name, settled[row["id"]]) if row["id"] in settled else ("", "")
            continue
        if share.amount > 0 and share.posted and not share.settled:
            found[of].append(share)
    return found


async def paid_by(books: Books, items: Sequence[Item], partner: int) -> Decimal:
    """What of these items somebody paid by credits in his own name."""
    lines = [one.line for one in items]
    partials = await books.odoo.search(_PARTIAL, [["debit_move_id", "in", lines]], ["credit_move_id", "amount"])
    credits = await items_by_line(books, (row["credit_move_id"] for row in partials))
    own = (row for row in partials if credits[row["credit_move_id"]].partner == partner)
    return sum((Decimal(str(row["amount"])) for row in own), Decimal(0))


async def analytics_of(books: Books, invoices: Collection[int]) -> dict[int, Row]:
    """The facility and practitioner of invoices, as their lines have them."""
    if not invoices:
        return {}
    domain = [["move_id", "in", sorted(invoices)], ["display_type", "=", "product"]]
    rows = await books.odoo.search(_LINE, domain, ["move_id", "analytic_distribution"])
    return {row["move_id"]: row["analytic_distribution"] for row in rows if row["analytic_distribution"]}


async def payers_face(books: Books, payer: int) -> Face:
    """Where the payer's own items go, for a claim that settles nothing."""
    rows = await books.odoo.read("res.partner", [payer], ["property_account_receivable_id"])
    account = rows[payer]["property_account_receivable_id"] if payer in rows else False
    if not account:
        raise Fatal("not_prepared", "Odoo has no receivable account for payers", "Install a chart of accounts in Odoo.")
    return Face(account, payer)


class Owed(msgspec.Struct, frozen=True):
    """What is open for a claim: the payer's own invoice (`invoiced`, also where there is none yet) or, where the visit
    was billed to another, what stands at the patient."""

    face: Face
    items: tuple[Item, ...]
    invoiced: bool
    analytic: Row | None
    invoice: tuple[Item, ...] = ()
    """The invoice's items, whoever was billed, the settled ones too."""

    @property
    def open(self) -> Decimal:
        return sum((one.residual for one in self.items), Decimal(0))


async def owed(books: Books, claims: Sequence[ClaimPayment], payer: int, currency: int) -> dict[str, Owed]:
    """What is open for claims of a payer, by appointment. A draft, and what is in another currency, isn't open."""
    parts = await books.parts([claim.appointment for claim in claims])
    items = await items_of(books, [i for of in parts.values() for i in of.values()])
    billed = {key: items[of[""]] for key, of in parts.items() if items.get(of[""])}
    others = {key: of for key, of in billed.items() if of[0].partner != payer}
    shares = await standing_shares(books, others)
    for key in others:
        shares.setdefault(key, []).extend(items.get(parts[key].get("patient", 0), ()))
    analytics = await analytics_of(books, [of[""] for of in parts.values()])
    own = await payers_face(books, payer)

    def of(key: str) -> Owed:
        invoice, mine = tuple(billed.get(key, ())), key not in others
        known = invoice if mine else shares.get(key, ())
        usable = tuple(one for one in known if one.posted and not one.settled and one.currency == currency)
        account = usable[0].account if usable else invoice[0].account if invoice and mine else own.account
        analytic = analytics.get(parts[key][""]) if key in parts else None
        return Owed(Face(account, payer), usable, mine, analytic, invoice)

    return {key: of(key) for key in {claim.appointment for claim in claims}}
