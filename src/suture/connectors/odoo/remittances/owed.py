"""What is open for claims: the invoice of the payer that was billed, or what its answer left to others."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import msgspec

from suture.canonical.remittance import ClaimPayment, ClaimStatus
from suture.connectors.odoo.documents.matching import Item, item, items_of
from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.records.names import source
from suture.connectors.odoo.remittances.booked_claims import RECEIVABLE, is_share_of, lines_of_entries
from suture.connectors.odoo.transport.client import Row
from suture.core.failure import Fatal

_LINE, _PARTIAL = "account.move.line", "account.partial.reconcile"
_TRANSFERRED = "Patient's share"
_NOT_FIRST = frozenset(
    {
        *(ClaimStatus.SECONDARY, ClaimStatus.TERTIARY),
        *(ClaimStatus.SECONDARY_FORWARDED, ClaimStatus.TERTIARY_FORWARDED),
    }
)


class Face(msgspec.Struct, frozen=True):
    """On which receivable account, and whose, a claim is booked."""

    account: int
    partner: int


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """What a visit's invoice and what was left of it to others have open for a payer, in the remittance's currency."""

    payer: int
    own: int
    """The payer's receivable account, for what settles nothing."""
    billed: bool
    """Whether this payer was billed; also where nobody was yet."""
    invoice: tuple[Item, ...]
    """The invoice's items, whoever was billed, the settled ones too."""
    rest: tuple[Item, ...]
    """What of them is open."""
    shares: tuple[Item, ...]
    """What stands open at the patient."""
    analytic: Row | None

    @property
    def face(self) -> Face:
        """Where a claim of the payer that was billed goes."""
        known = self.rest or self.invoice
        return Face(known[0].account if known and self.billed else self.own, self.payer)

    def of_others(self, *, left_open: bool) -> tuple[Face, tuple[Item, ...]]:
        """Where the claim of another payer goes, and what it finds: the patient's share and, where the first payer's
        answer left something open for it, the invoice."""
        items = (*self.shares, *(self.rest if left_open else ()))
        account = items[0].account if items else self.own
        return Face(account, self.payer), tuple(one for one in items if one.account == account)


def comes_second(claim: ClaimPayment) -> bool:
    """Whether a payer says that another one, or another policy of its own, answered before it."""
    return claim.status in _NOT_FIRST


async def owed(session: CompanySession, claims: Sequence[ClaimPayment], payer: int, currency: int) -> dict[str, Owed]:
    """What is open for claims of a payer, by appointment. A draft, and what is in another currency, isn't open."""
    if not claims:
        return {}
    parts = await session.parts([claim.appointment for claim in claims])
    items = await items_of(session, [i for of in parts.values() for i in of.values()])
    billed = {key: items[of[""]] for key, of in parts.items() if items.get(of[""])}
    second = {claim.appointment for claim in claims if comes_second(claim)}
    others = {key: of for key, of in billed.items() if of[0].partner != payer or key in second}
    shares = await _standing_and_own(session, others, parts, items)
    analytics = await _analytics_of(session, [of[""] for of in parts.values()])
    own = await _payers_account(session, payer)

    def open_(known: Sequence[Item]) -> tuple[Item, ...]:
        return tuple(one for one in known if one.posted and not one.settled and one.currency == currency)

    def of(key: str) -> Owed:
        invoice = tuple(billed.get(key, ()))
        return Owed(
            payer=payer,
            own=own,
            billed=not invoice or invoice[0].partner == payer,
            invoice=invoice,
            rest=open_(invoice),
            shares=open_(shares.get(key, ())),
            analytic=analytics.get(parts[key][""]) if key in parts else None,
        )

    return {key: of(key) for key in {claim.appointment for claim in claims}}


async def _standing_and_own(
    session: CompanySession,
    others: Mapping[str, Sequence[Item]],
    parts: Mapping[str, Mapping[str, int]],
    items: Mapping[int, Sequence[Item]],
) -> dict[str, list[Item]]:
    """Patients' shares, by remittances and transfers, and by invoices of their own."""
    shares = await standing_shares(session, others)
    for key in others:
        shares.setdefault(key, []).extend(items.get(parts[key].get("patient", 0), ()))
    return shares


async def standing_shares(session: CompanySession, invoices: Mapping[str, Sequence[Item]]) -> dict[str, list[Item]]:
    """What of invoices (their items by appointment) was left to the patients and is open: by remittances, in a line of
    the claim that settled the invoice, or by transfers."""
    of_line = {one.line: key for key, items in invoices.items() for one in items}
    if not of_line:
        return {}
    partials = await session.odoo.search(
        _PARTIAL, [["debit_move_id", "in", list(of_line)]], ["debit_move_id", "credit_move_id"]
    )
    settled = {row["credit_move_id"]: of_line[row["debit_move_id"]] for row in partials}
    credits = await session.odoo.read(_LINE, list(settled), ["move_id"]) if settled else {}
    entries = sorted({row["move_id"] for row in credits.values()})
    moves = await session.odoo.read("account.move", entries, ["invoice_origin"]) if entries else {}
    origins = {source(kind, session.organisation): kind for kind in ("remittance", "transfer")}
    kinds = {i: origins[row["invoice_origin"]] for i, row in moves.items() if row["invoice_origin"] in origins}
    found: dict[str, list[Item]] = defaultdict(list)
    rows = await lines_of_entries(session, kinds.keys())
    transferred = {row["move_id"]: settled[row["id"]] for row in rows if row["id"] in settled}
    label, of = "", ""
    for row in rows:
        if row["account_type"] != RECEIVABLE:
            continue
        name, share = str(row["name"] or ""), item(row)
        if kinds[row["move_id"]] == "transfer":
            label, of = _TRANSFERRED, transferred[row["move_id"]]
        elif not (label and is_share_of(name, label)):
            label, of = (name, settled[row["id"]]) if row["id"] in settled else ("", "")
            continue
        if share.amount > 0 and share.posted and not share.settled:
            found[of].append(share)
    return found


async def _analytics_of(session: CompanySession, invoices: Collection[int]) -> dict[int, Row]:
    """The facility and practitioner of invoices, as their lines have them."""
    if not invoices:
        return {}
    domain = [["move_id", "in", sorted(invoices)], ["display_type", "=", "product"]]
    rows = await session.odoo.search(_LINE, domain, ["move_id", "analytic_distribution"])
    return {row["move_id"]: row["analytic_distribution"] for row in rows if row["analytic_distribution"]}


async def _payers_account(session: CompanySession, payer: int) -> int:
    """Where the payer's own items go, for a claim that settles nothing."""
    rows = await session.odoo.read("res.partner", [payer], ["property_account_receivable_id"])
    account = rows[payer]["property_account_receivable_id"] if payer in rows else False
    if not account:
        raise Fatal("not_prepared", "Odoo has no receivable account for payers", "Install a chart of accounts in Odoo.")
    return int(account)
