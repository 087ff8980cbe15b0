"""One Odoo company's books as the flows below use them: the client, what we know of the setting, and who is named."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from suture.connectors.odoo.documents.document_rows import Document, table
from suture.connectors.odoo.documents.posting import MOVE_FIELDS, Poster, fingerprinted, own_date, parse_day
from suture.connectors.odoo.records.articles import Articles
from suture.connectors.odoo.records.company_config import CompanyConfig, read_setting
from suture.connectors.odoo.records.crosswalk import LedgerCrosswalk
from suture.connectors.odoo.records.external_ids import Finder
from suture.connectors.odoo.records.parties import PartyWriter
from suture.connectors.odoo.transport.client import Odoo, Row
from suture.connectors.port import LedgerPlan
from suture.core.clock import Clock
from suture.core.failure import Failure, Rejected
from suture.core.money import Money
from suture.store.crosswalk import Known

Result = TypeVar("Result")

_FRESH = timedelta(seconds=2)

_PART_OF = {"invoice": "", "invoice_patient": "patient"}
_PARTS = tuple(_PART_OF)


class CompanySession:
    """Everything is bound to one company. `setting` is read at first use and again after `prepare`."""

    def __init__(
        self, odoo: Odoo, organisation: str, clock: Clock, plan: LedgerPlan | None, crosswalk: LedgerCrosswalk
    ) -> None:
        self.odoo = odoo
        self.organisation = organisation
        self.crosswalk = crosswalk
        self.clock = clock
        self.finder = Finder(odoo, crosswalk)
        self.parties = PartyWriter(odoo, self.finder, crosswalk)
        self.articles = Articles(odoo, self.finder)
        self.poster = Poster(odoo, clock)
        self.plan = plan
        self._setting: CompanyConfig | None = None
        self._fresh: dict[int, tuple[Row, datetime]] = {}

    async def setting(self) -> CompanyConfig:
        if self._setting is None:
            self._setting = await read_setting(self.odoo, self.finder, self.plan)
        return self._setting

    def forget_setting(self, plan: LedgerPlan | None = None) -> None:
        self.plan = plan or self.plan
        self._setting = None
        self.articles.forget()

    def place(self, facility: str) -> str:
        """What the plan calls a facility."""
        places = self.plan.facilities if self.plan else ()
        return next((place.name for place in places if place.code == facility), facility)

    async def read_moves(self, ids: Sequence[int]) -> dict[int, Row]:
        """Journal entries and invoices as they stand (`MOVE_FIELDS`)."""
        rows = await self.odoo.read("account.move", ids, MOVE_FIELDS) if ids else {}
        now = self.clock.now()
        self._fresh = {i: (row, at) for i, (row, at) in self._fresh.items() if now - at < _FRESH}
        self._fresh |= {i: (row, now) for i, row in rows.items()}
        return rows

    async def recent_moves(self, ids: Sequence[int]) -> dict[int, Row]:
        """The same, of which a draft that was read a moment ago is not read again: what is posted is looked at once
        more afterwards."""
        now = self.clock.now()
        recent = {i: self._fresh[i][0] for i in ids if i in self._fresh and now - self._fresh[i][1] < _FRESH}
        for identifier in recent:
            del self._fresh[identifier]
        return recent | await self.read_moves([i for i in ids if i not in recent])

    async def write(self, model: str, documents: Sequence[Document]) -> list[int | Failure]:
        """The documents' ids, in order; each is created unless its external id exists already. One that was there and
        that a person deleted is not created again."""
        names = [document.name for document in documents]
        keys = {document.name: document.key for document in documents}
        known = await self.crosswalk.recall(names)
        deleted = await self._deleted(model, list(known.values()))
        ids = await self._create(model, [d for d in documents if d.name not in deleted])
        for name, identifier in ids.items():
            self.finder.remember(name, identifier)
        await self.crosswalk.remember(
            [
                Known(name=name, key=keys[name], model=model, record=identifier)
                for name, identifier in ids.items()
                if name not in known or known[name].record != identifier
            ]
        )
        return [deleted_in_odoo(name) if name in deleted else ids[name] for name in names]

    async def _create(self, model: str, documents: Sequence[Document]) -> dict[str, int]:
        """Documents of one shape (the same columns) go in one call."""
        shapes: dict[tuple[str, ...], list[Document]] = defaultdict(list)
        for document in documents:
            shapes[document.columns].append(document)
        ids: dict[str, int] = {}
        for alike in shapes.values():
            created = await self.odoo.create_missing(model, *table(alike))
            ids.update(zip((document.name for document in alike), created, strict=True))
        return ids

    async def _deleted(self, model: str, known: Sequence[Known]) -> set[str]:
        """Which of our records are there no more, under their id or any other."""
        standing = await self.odoo.external_ids(model, [record.record for record in known])
        gone = [record.name for record in known if standing.get(record.record) != record.name]
        self.finder.forget(gone)
        return {name for name in gone if await self.finder.reference(model, name) is None}

    async def post(
        self,
        moves: Mapping[str, int],
        expected: Mapping[str, Money] | None = None,
        *,
        ordered: Mapping[str, date] | None = None,
        before: Mapping[int, Row] | None = None,
        settles: Sequence[Sequence[Any]] = (),
        ahead: bool = False,
    ) -> dict[str, Row | Failure]:
        """Moves (id by external id) posted and read back, or why not (`Poster.post`). What they hold now is kept in
        mind: a later change is somebody else's."""
        totals = {moves[name]: amount for name, amount in (expected or {}).items() if name in moves}
        rows = before if before is not None else await self.odoo.read("account.move", list(moves.values()), MOVE_FIELDS)
        days = await self._ordered(moves, rows, ordered or {})
        rows = await self._without_what_was_broken_off(moves, rows, days)
        posted = await self.poster.post(rows, list(moves.values()), totals, ordered=days, settles=settles, ahead=ahead)
        outcome = {name: posted[identifier] for name, identifier in moves.items()}
        codes = (await self.setting()).codes()
        await self.crosswalk.remember(
            [
                Known(
                    name=name,
                    model="account.move",
                    record=row["id"],
                    fingerprints=self._fingerprints(row, codes),
                )
                for name, row in outcome.items()
                if not isinstance(row, Failure)
            ]
        )
        return outcome

    async def _ordered(
        self, moves: Mapping[str, int], rows: Mapping[int, Row], ordered: Mapping[str, date]
    ) -> dict[int, date]:
        """The day that each move was ordered for. One that we have seen standing on another day was dated so by a
        person, whom we have followed."""
        days = {moves[name]: day for name, day in ordered.items() if name in moves}
        standing = {name: rows[i] for name, i in moves.items() if i in rows and rows[i]["state"] == "posted"}
        elsewhere = {n: row for n, row in standing.items() if n in ordered and parse_day(row["date"]) != ordered[n]}
        known = await self.crosswalk.recall(list(elsewhere)) if elsewhere else {}
        codes = (await self.setting()).codes()
        for name, row in elsewhere.items():
            if name in known and known[name].fingerprints.get("date") == self._fingerprints(row, codes)["date"]:
                days[row["id"]] = parse_day(row["date"])
        return days

    async def _without_what_was_broken_off(
        self, moves: Mapping[str, int], rows: Mapping[int, Row], days: Mapping[int, date]
    ) -> Mapping[int, Row]:
        """What a lock moved to another day as we posted it, whose taking back we didn't come to or not to its end, is
        taken back now. It was written last by ourselves, and its posting was never told: a person's day is another."""
        own = {name: days.get(i) or own_date(rows[i]) for name, i in moves.items() if i in rows}
        moved = {
            name: day
            for name, day in own.items()
            if parse_day((row := rows[moves[name]])["date"]) != day
            and (row["state"] == "posted" or (row["state"] == "draft" and row["posted_before"]))
        }
        known = await self.crosswalk.recall(list(moved)) if moved else {}
        us = await self.odoo.user() if moved else 0
        ours = {
            moves[name]: day
            for name, day in moved.items()
            if rows[moves[name]]["write_uid"] == us and not (name in known and known[name].fingerprints)
        }
        if not ours:
            return rows
        await self.poster.take_back(ours, [i for i in ours if rows[i]["state"] == "posted"])
        return {**rows, **await self.odoo.read("account.move", list(ours), MOVE_FIELDS)}

    def _fingerprints(self, row: Row, codes: Mapping[int, str]) -> dict[str, str]:
        return self.crosswalk.fingerprints(fingerprinted(row, codes))

    async def moves(self, kind: str, keys: Sequence[str], move_type: str = "entry") -> dict[str, int]:
        """Ids by key of our journal entries or invoices of a kind, whose `ref` is the key."""
        domain = [["move_type", "=", move_type], ["company_id", "=", self.odoo.company]]
        return await self.finder.documents("account.move", kind, keys, "ref", domain)

    async def invoices(self, appointments: Sequence[str]) -> dict[str, int]:
        """Our invoices' ids by appointment."""
        return await self.moves("invoice", appointments, "out_invoice")

    async def parts(self, appointments: Sequence[str]) -> dict[str, dict[str, int]]:
        """Each visit's invoices' ids by part: ``""`` the payer's or only one, ``patient`` the patient's own."""
        domain = [["move_type", "=", "out_invoice"], ["company_id", "=", self.odoo.company]]
        found = await self.finder.either("account.move", _PARTS, sorted(set(appointments)), "ref", domain)
        return {key: {_PART_OF[kind]: i for kind, i in of.items()} for key, of in found.items()}

    async def pickings(self, appointments: Sequence[str]) -> dict[str, int]:
        domain = [["company_id", "=", self.odoo.company]]
        return await self.finder.documents("stock.picking", "picking", appointments, "origin", domain)


def deleted_in_odoo(name: str) -> Rejected:
    """A record of ours that a person deleted in Odoo. It is not created again behind that person's back."""
    return Rejected(
        "deleted_in_odoo",
        f"Odoo no longer has a document that Suture wrote: someone deleted it [{name}]",
        "To have it written again: `suture ledger rewrite` with this exception's number. To leave it deleted: discard"
        " this exception, with --undo to reverse the rest or --leave to keep it.",
    )


def unwrap(outcome: Result | Failure) -> Result:
    """An item's own result out of a batch, or its own failure raised: one culprit never costs the batch."""
    if isinstance(outcome, Failure):
        raise outcome
    return outcome


def ids_of(written: Sequence[int | Failure]) -> list[int]:
    """Those that were written."""
    return [outcome for outcome in written if not isinstance(outcome, Failure)]
