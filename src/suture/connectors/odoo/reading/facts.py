"""Reading back: every document of ours as the ledger holds it, a page at a time; and what people wrote beside.

Ours are known by `invoice_origin`, or by going to or coming from our location of consumed articles; what each is about
our crosswalk knows, whatever a person made of its reference. An invoice or a payment's entry that carries one of our
references and isn't marked as ours was made by someone else for the same thing: it is a second fact with the same key,
so that reconciliation shows it as a duplicate. What was credited of an invoice is a fact beside it, dated like it.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from suture.canonical.records import JournalFact
from suture.connectors.odoo.documents.posting import parse_day
from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.receivables.credited import Credit, applied_to_ours, credits_of
from suture.connectors.odoo.records.articles import ROUNDING
from suture.connectors.odoo.records.crosswalk import changed_fields
from suture.connectors.odoo.records.names import external_id, source
from suture.connectors.odoo.transport.client import Row
from suture.connectors.odoo.transport.paging import pages
from suture.connectors.port import Span
from suture.core.money import Money, round_money
from suture.store.crosswalk import Known

_KINDS = (
    *("invoice", "patient invoice", "payment", "accrual"),
    *("writeoff", "refund", "transfer", "remittance", "unbilled"),
)
_NAMED = {"invoice": "invoice", "invoice_patient": "patient invoice", "accrual": "accrual"}
"""What an appointment's external ids begin with, and the kind of document that each is."""
_INVOICES = ("invoice", "patient invoice")
_BY_HAND = {"out_invoice": "invoice", "out_refund": "credit note", "out_receipt": "receipt", "entry": "entry"}
_LINE = "account.move.line"
_FIELDS = (
    *("ref", "name", "state", "move_type", "date", "currency_id", "amount_total", "amount_untaxed", "amount_residual"),
    *("payment_state", "invoice_origin", "partner_id", "reversed_entry_id", "write_date"),
)
_POSTED_ONCE = ("|", ["state", "=", "posted"], ["posted_before", "=", True])
"""A draft of ours is no fact yet; one that a person reset or cancelled is."""
NO_FACILITY = "none"
"""Where the lines of an invoice are booked to no facility."""


class DocumentSelection(msgspec.Struct, frozen=True):
    """Which documents, as domains: journal entries and invoices, and transfers (None: none of them)."""

    moves: tuple[Any, ...] = ()
    pickings: tuple[Any, ...] | None = ()
    keys: tuple[Sequence[str], Sequence[str]] | None = None
    """Appointments and payments, where only theirs are wanted."""


def dated(span: Span) -> DocumentSelection:
    """What is dated within a span. A transfer is of the day for which it was planned, at noon: when it was put through
    is another matter."""
    last = span.last + timedelta(days=1)
    return DocumentSelection(
        moves=(["date", ">=", span.first.isoformat()], ["date", "<=", span.last.isoformat()]),
        pickings=(["scheduled_date", ">=", f"{span.first} 00:00:00"], ["scheduled_date", "<", f"{last} 00:00:00"]),
    )


def keyed(appointments: Sequence[str], payments: Sequence[str]) -> DocumentSelection:
    return DocumentSelection(
        moves=(["ref", "in", [*appointments, *payments]],),
        pickings=(["origin", "in", list(appointments)],),
        keys=(appointments, payments),
    )


async def facts(session: CompanySession, selection: DocumentSelection) -> AsyncIterator[JournalFact]:
    setting = await session.setting()
    reading = _Reading(session, setting.company, setting.codes())
    async for page in reading.pages(selection):
        for fact in await reading.facts(page):
            yield fact
    if selection.keys is None:
        async for strangers in reading.strangers(selection):
            for fact in strangers:
                yield fact
    if selection.pickings is not None and setting.stock is not None and setting.stock.consumption_location is not None:
        async for fact in _pickings(session, setting.stock.consumption_location, selection.pickings):
            yield fact


class _Page(msgspec.Struct, frozen=True):
    """Documents, and what belongs to them: ours by record, what they are, credits, whose they are and where; and what
    was put on top of their prices as tax, which is the ledger's own and no charge has."""

    rows: Sequence[Row]
    known: Mapping[int, Known]
    credits: Mapping[int, Sequence[Credit]]
    parties: Mapping[int, str]
    places: Mapping[int, str]
    taxes: Mapping[int, Decimal]


class _Reading:
    """One reading of one company's books."""

    def __init__(self, session: CompanySession, company: int, codes: Mapping[int, str]) -> None:
        self._session = session
        self._odoo = session.odoo
        self._codes = codes
        self._marks = {source(kind, session.organisation): kind for kind in _KINDS}
        self._common = [["company_id", "=", company]]
        self._facilities: dict[int, str] | None = None

    async def pages(self, selection: DocumentSelection) -> AsyncIterator[list[Row]]:
        """Ours, and what people copied of ours. Credit notes are read with what they credit."""
        domain = [
            *(["invoice_origin", "in", list(self._marks)], ["move_type", "in", ["out_invoice", "entry"]]),
            *(["reversed_entry_id", "=", False], *self._common, *selection.moves, *_POSTED_ONCE),
        ]
        async for page in pages(self._odoo, "account.move", domain, _FIELDS):
            yield page
        if selection.keys is not None:
            renamed = await self._renamed(*selection.keys)
            if renamed:
                yield renamed

    async def _renamed(self, appointments: Sequence[str], payments: Sequence[str]) -> list[Row]:
        """Documents of these keys that don't carry their key, or our mark, any more."""
        names = [external_id(kind, key) for kind in _NAMED for key in appointments]
        names += [external_id("payment", key) for key in payments]
        known = {record.record for record in (await self._session.crosswalk.recall(names)).values()}
        if not known:
            return []
        domain = [["id", "in", sorted(known)], "|", ["ref", "not in", [*appointments, *payments]]]
        return await self._odoo.search(
            "account.move",
            [*domain, ["invoice_origin", "not in", list(self._marks)], *self._common, *_POSTED_ONCE],
            _FIELDS,
        )

    async def facts(self, page: Sequence[Row]) -> list[JournalFact]:
        known = await self._session.crosswalk.by_record("account.move", [row["id"] for row in page])
        own = {row["id"]: self._key(row, known.get(row["id"])) for row in page}
        twins, notes = await self._twins(page, own, known)
        rows = [*page, *twins]
        read = _Page(
            rows=rows,
            known=known,
            credits=await credits_of(self._session, rows, self._common, notes),
            parties=await self._parties(rows),
            places=await self._places(rows, known),
            taxes=await self._taxes_on_top(rows),
        )
        return [fact for row in rows for fact in self._of(row, read)]

    @staticmethod
    def _key(row: Row, known: Known | None) -> str:
        return known.key if known is not None and known.key else str(row["ref"] or "")

    def _kind(self, row: Row, known: Known | None) -> str:
        """By its mark, or where a person overwrote that, by what we know it as; empty for what nobody gave a key."""
        if known is None and not row["ref"]:
            return ""
        marked = self._marks.get(row["invoice_origin"] or "")
        if marked is not None or known is None:
            return marked or ""
        kinds = {external_id(name, known.key): kind for name, kind in (*_NAMED.items(), ("payment", "payment"))}
        return kinds.get(known.name, "")

    async def _twins(
        self, page: Sequence[Row], own: Mapping[int, str], known: Mapping[int, Known]
    ) -> tuple[list[Row], dict[int, list[Row]]]:
        """What people wrote for the same thing as these: other documents, and credit notes by invoice."""
        refs: dict[str, dict[str, Row]] = {"invoice": {}, "payment": {}}
        for row in page:
            kind = self._kind(row, known.get(row["id"]))
            if kind in refs:
                refs[kind][own[row["id"]]] = row
        types = ["out_invoice", "out_refund"]
        beside = [
            *[(refs["invoice"], row) for row in await self._others(refs["invoice"], types, known)],
            *[(refs["payment"], row) for row in await self._others(refs["payment"], ["entry"], known)],
        ]
        notes: dict[int, list[Row]] = defaultdict(list)
        twins = []
        for of, row in beside:
            first = of[row["ref"]]
            if row["move_type"] == "out_refund":
                notes[first["id"]].append(row)
            else:
                twins.append(row | {"invoice_origin": first["invoice_origin"]})
        return twins, notes

    async def _others(self, refs: Collection[str], types: Sequence[str], known: Mapping[int, Known]) -> list[Row]:
        if not refs:
            return []
        others = [["ref", "in", sorted(refs)], ["move_type", "in", types], ["reversed_entry_id", "=", False]]
        marked = ["invoice_origin", "not in", self._ours()]
        posted = ["state", "=", "posted"]
        found = await self._odoo.search("account.move", [*others, marked, posted, *self._common], _FIELDS)
        return [row for row in found if row["id"] not in known]

    def _ours(self) -> list[str]:
        own = ("credit", "correction", "payment reversal", "twin reversal")
        return [*self._marks, *(source(kind, self._session.organisation) for kind in own)]

    async def _parties(self, rows: Sequence[Row]) -> dict[int, str]:
        """Who owes, or paid, by move: the reference of a payer; empty for a patient, and where no contact is named."""
        named = {row["id"]: row["partner_id"] for row in rows if row["partner_id"]}
        entries = [row["id"] for row in rows if row["id"] not in named]
        if entries:
            domain = [["move_id", "in", entries], ["partner_id", "!=", False]]
            lines = await self._odoo.search(_LINE, domain, ["move_id", "partner_id"])
            named |= {line["move_id"]: line["partner_id"] for line in lines}
        if not named:
            return {}
        partners = await self._odoo.read("res.partner", sorted(set(named.values())), ["ref"])
        refs = {move: str(partners.get(partner, {}).get("ref") or "") for move, partner in named.items()}
        return {move: ref for move, ref in refs.items() if ref.startswith("Payer/")}

    async def _places(self, rows: Sequence[Row], known: Mapping[int, Known]) -> dict[int, str]:
        """By invoice and accrual: the facility that its lines are booked to, several joined, or `NO_FACILITY`. Of an
        accrual only the expense is."""
        kinds = {row["id"]: self._kind(row, known.get(row["id"])) for row in rows}
        wanted = [move for move, kind in kinds.items() if kind in (*_INVOICES, "accrual")]
        facilities = await self._facility_accounts()
        if not wanted or not facilities:
            return {}
        rounding = (await self._session.finder.by_name("product.product", "product", [ROUNDING])).get(ROUNDING)
        places: dict[int, set[str]] = {move: set() for move in wanted}
        domain = [["move_id", "in", wanted], ["display_type", "=", "product"]]
        for line in await self._odoo.search(_LINE, domain, ["move_id", "product_id", "analytic_distribution"]):
            spread, move = line["analytic_distribution"], line["move_id"]
            if spread or (kinds[move] != "accrual" and (line["product_id"] or 0) != rounding):
                places[move] |= _facilities_of(spread, facilities)
        return {move: ", ".join(sorted(of)) or NO_FACILITY for move, of in places.items()}

    async def _taxes_on_top(self, rows: Sequence[Row]) -> dict[int, Decimal]:
        """By invoice what its taxes add to the prices of its lines; a tax that is in the prices adds nothing."""
        taxes = {row["id"]: Decimal(str(row["amount_total"])) - Decimal(str(row["amount_untaxed"])) for row in rows}
        taxed = {row["id"]: row for row in rows if row["move_type"] == "out_invoice" and taxes[row["id"]]}
        if not taxed:
            return {}
        prices: dict[int, Decimal] = defaultdict(Decimal)
        domain = [["move_id", "in", sorted(taxed)], ["display_type", "=", "product"]]
        for line in await self._odoo.search(_LINE, domain, ["move_id", "price_unit", "quantity"]):
            prices[line["move_id"]] += Decimal(str(line["price_unit"])) * Decimal(str(line["quantity"]))
        bare = {move: Decimal(str(row["amount_untaxed"])) for move, row in taxed.items()}
        return {move: taxes[move] for move in taxed if abs(prices[move] - bare[move]) < abs(taxes[move]) / 2}

    async def _facility_accounts(self) -> dict[int, str]:
        """Our facilities by the analytic account that stands for each."""
        if self._facilities is None:
            codes = [place.code for place in self._session.plan.facilities] if self._session.plan else []
            found = await self._session.finder.by_name("account.analytic.account", "facility", codes)
            self._facilities = {account: code for code, account in found.items()}
        return self._facilities

    def _of(self, row: Row, read: _Page) -> Iterable[JournalFact]:
        known = read.known.get(row["id"])
        kind, key = self._kind(row, known), self._key(row, known)
        if not kind:
            if row["state"] == "posted":
                yield self._stranger(row, "")
            return
        credits, total = read.credits.get(row["id"], ()), Decimal(str(row["amount_total"]))
        tax = read.taxes.get(row["id"], Decimal(0))
        invoice, less = row["move_type"] == "out_invoice", sum((one.amount for one in credits), Decimal(0))
        undone = bool(credits) and less >= total
        state = row["state"]
        if undone and state == "posted":
            word = "credited" if invoice else "undone"
            state = "reversed" if any(one.ours and one.kind == "credit" for one in credits) else word
        currency = self._codes[row["currency_id"]]
        fact = JournalFact(
            kind=kind.replace(" ", "_"),
            key=key,
            number=row["name"] or f"draft {row['id']}",
            state=state,
            amount=_money(total - tax if invoice or undone else total - less, currency),
            open=_money(max(Decimal(str(row["amount_residual"])) - tax, Decimal(0)), currency) if invoice else None,
            day=parse_day(row["date"]),
            facility=read.places.get(row["id"]),
            party=read.parties.get(row["id"], ""),
            changed_at=_moment(row["write_date"]),
            detail=f"{less} of {total} reversed by {credits[0].number}" if credits and not invoice else "",
        )
        yield fact
        if invoice and state != "reversed":  # what we took back ourselves is one fact
            yield from (self._credit(one, fact, undone=undone) for one in credits)
        if known is not None and row["state"] == "posted":
            yield from self._alterations(row, known, fact)

    def _credit(self, one: Credit, of: JournalFact, *, undone: bool) -> JournalFact:
        """What was credited counts to the day of its invoice: both together say what is owed."""
        currency = of.amount.currency if of.amount is not None else ""
        return JournalFact(
            kind=one.kind,
            key=one.ref or one.number,
            number=one.number,
            state=of.state if undone else "posted",
            amount=_money(one.amount, currency),
            day=of.day,
            facility=of.facility,
            party=of.party,
            of=of.key,
            changed_at=_moment(one.changed),
        )

    def _alterations(self, row: Row, known: Known, fact: JournalFact) -> Iterable[JournalFact]:
        """What a person made of a document that no amount tells: whose it is, and what it says it is about."""
        now = self._session.crosswalk.fingerprints({"partner_id": row["partner_id"]})
        told = [("party", "partner_id" in changed_fields(known, now)), ("reference", known.key != (row["ref"] or ""))]
        for what, altered in told:
            if altered and known.key:
                of = "" if fact.kind == "payment" else fact.key
                yield msgspec.structs.replace(fact, kind="alteration", state=what, open=None, of=of, detail=fact.kind)

    async def strangers(self, selection: DocumentSelection) -> AsyncIterator[list[JournalFact]]:
        """Invoices and credit notes that somebody entered by hand for contacts of ours, and that are about nothing of
        ours."""
        types = [kind for kind in _BY_HAND if kind != "entry"]
        domain = [
            *(["move_type", "in", types], ["state", "=", "posted"], ["invoice_origin", "not in", self._ours()]),
            *(*self._common, *selection.moves),
        ]
        async for page in pages(self._odoo, "account.move", domain, _FIELDS):
            yield await self._of_ours(page)

    async def _of_ours(self, page: Sequence[Row]) -> list[JournalFact]:
        partners = [row["partner_id"] for row in page if row["partner_id"]]
        contacts = await self._session.crosswalk.by_record("res.partner", sorted(set(partners)))
        ours = {record for record, contact in contacts.items() if contact.key.startswith(("Payer/", "Patient/"))}
        chosen = [row for row in page if row["partner_id"] in ours and row["payment_state"] != "reversed"]
        if not chosen:
            return []
        named = await self._session.crosswalk.recall(
            [external_id("invoice", row["ref"]) for row in chosen if row["ref"]]
        )
        notes = [row["id"] for row in chosen if row["move_type"] == "out_refund"]
        applied = await applied_to_ours(
            self._session, notes, [source(k, self._session.organisation) for k in _INVOICES]
        )
        return [
            self._stranger(row, contacts[row["partner_id"]].key)
            for row in chosen
            if not row["reversed_entry_id"]
            and row["id"] not in applied
            and not (row["ref"] and external_id("invoice", row["ref"]) in named)
        ]

    def _stranger(self, row: Row, party: str) -> JournalFact:
        currency = self._codes[row["currency_id"]]
        return JournalFact(
            kind="by_hand",
            key=row["name"],
            number=row["name"],
            state=row["state"],
            amount=_money(row["amount_total"], currency),
            day=parse_day(row["date"]),
            party=party,
            changed_at=_moment(row["write_date"]),
            detail=_BY_HAND.get(row["move_type"], "document"),
        )


def _facilities_of(distribution: Row | None, facilities: Mapping[int, str]) -> set[str]:
    """The facilities of a line: its distribution names accounts, several of one share joined by commas."""
    accounts = {int(part) for accounts in distribution or {} for part in str(accounts).split(",") if part.isdecimal()}
    return {facilities[account] for account in accounts if account in facilities} or {NO_FACILITY}


def _money(amount: float | Decimal, currency: str) -> Money:
    return Money(round_money(Decimal(str(amount)), currency), currency)


def _moment(told: object) -> datetime | None:
    """Odoo's moments are UTC and say no zone."""
    return datetime.fromisoformat(str(told)).replace(tzinfo=UTC) if told else None


async def _pickings(session: CompanySession, consumption: int, chosen: Sequence[Any]) -> AsyncIterator[JournalFact]:
    """One fact a done transfer into consumption; ``returned`` where its articles came back."""
    fields = ["origin", "name", "state", "scheduled_date", "write_date"]
    out = [["state", "=", "done"], ["location_dest_id", "=", consumption], *chosen]
    async for page in pages(session.odoo, "stock.picking", out, fields):
        origins = [row["origin"] for row in page]
        back = [["state", "=", "done"], ["location_id", "=", consumption], ["origin", "in", origins]]
        returned = {row["origin"] for row in await session.odoo.search("stock.picking", back, ["origin"])}
        moved = await _quantities(session, [row["id"] for row in page])
        for row in page:
            planned = _moment(row["scheduled_date"])
            yield JournalFact(
                kind="stock_move",
                key=row["origin"] or "",
                number=row["name"],
                state="returned" if row["origin"] in returned else row["state"],
                day=planned.date() if planned else None,
                quantity=moved.get(row["id"], Decimal(0)),
                changed_at=_moment(row["write_date"]),
            )


async def _quantities(session: CompanySession, pickings: Sequence[int]) -> dict[int, Decimal]:
    """How many units each transfer moved, of all its articles together."""
    moved: dict[int, Decimal] = {}
    domain = [["picking_id", "in", list(pickings)], ["state", "=", "done"]]
    for row in await session.odoo.search("stock.move", domain, ["picking_id", "quantity"]):
        before = moved.get(row["picking_id"], Decimal(0))
        moved[row["picking_id"]] = before + Decimal(str(row["quantity"]))
    return moved
