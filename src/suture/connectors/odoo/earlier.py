"""What became of a claim's invoice before the claim: what others paid of it, and what was adjusted away."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

import msgspec

from suture.connectors.odoo.books import Books
from suture.connectors.odoo.claims import CLAIM, Standing, items_by_line, lines_of_entries, standing
from suture.connectors.odoo.matching import Item


class Earlier(msgspec.Struct, frozen=True):
    """`borne` is what each partner bears of an invoice: what was paid in the own name, and what claims put on that one
    (what they gave back counts against it). `adjusted` is what payers' claims adjusted away of it, by group and
    reason."""

    borne: Mapping[int, Decimal] = {}
    adjusted: Mapping[str, Decimal] = {}

    def besides(self, shares: Sequence[Item]) -> "Earlier":
        """With other shares that were put on patients, or given back to them."""
        borne = dict(self.borne)
        for one in shares:
            borne[one.partner] = borne.get(one.partner, Decimal(0)) + one.amount
        return Earlier(borne, self.adjusted)


async def earlier(books: Books, invoices: Mapping[str, Sequence[Item]]) -> dict[str, Earlier]:
    """By appointment, of those invoices (their items) that something was matched with. Claims that were reversed are
    matched with nothing any more. Entries of before, whose adjustments are sums, tell no claim's."""
    of_line = {one.line: key for key, items in invoices.items() for one in items if one.matched}
    if not of_line:
        return {}
    fields = ["debit_move_id", "credit_move_id", "debit_amount_currency"]
    partials = await books.odoo.search("account.partial.reconcile", [["debit_move_id", "in", list(of_line)]], fields)
    credits = await items_by_line(books, (row["credit_move_id"] for row in partials))
    borne: dict[str, dict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    adjusted: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in partials:
        partner = credits[row["credit_move_id"]].partner
        borne[of_line[row["debit_move_id"]]][partner] += Decimal(str(row["debit_amount_currency"]))
    settled = {row["credit_move_id"]: of_line[row["debit_move_id"]] for row in partials}
    for one in await _claims_of(books, credits.values()):
        key = settled[one.claim.line]
        if one.share:
            borne[key][one.share.partner] += one.share.amount
        for adjustment in one.adjusted:
            adjusted[key][adjustment.label.removeprefix(f"{one.claim.label}, ")] += adjustment.amount
    return {key: Earlier(borne[key], adjusted[key]) for key in set(of_line.values())}


async def _claims_of(books: Books, lines: Collection[Item]) -> list[Standing]:
    """What entries hold of the claims whose own lines these are."""
    claims = [one for one in lines if one.label.startswith(CLAIM)]
    rows = await lines_of_entries(books, {one.move for one in claims})
    own = {one.line for one in claims}
    found = standing(rows, {one.label for one in claims})
    return [one for of in found.values() for one in of if one.claim.line in own]
