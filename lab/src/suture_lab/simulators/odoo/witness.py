"""What happened in the books and what stands there, said in an integration's words: the simulator's own testimony.

A document is known by its external id, where that is ours, else by what it is and not by who made it: one without our
id that names the same appointment is told as well, so that a doubled one is seen. Its key is its reference
(`account.move.ref`, `stock.picking.origin`).
"""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from suture.core.ids import external_name
from suture_lab.simulators.observed import Journal, Standing
from suture_lab.simulators.odoo.database import SimulatedDatabase
from suture_lab.simulators.odoo.store import Effect, Row

_LINE = "account.move.line"
_MODULE = "suture."
_KIND_OF = {"out_invoice": "invoice", "out_refund": "credit"}
# What external ids of ours begin with, and the kind of document that it is.
_KINDS = {
    **{
        name: name
        for name in (
            *("invoice", "invoice_patient", "credit", "credit_part", "credit_patient"),
            *("payment", "payment_reversal", "accrual", "accrual_reversal", "unbilled", "unbilled_reversal"),
            *("writeoff", "refund", "transfer", "remittance"),
        )
    },
    "picking": "stock",
    "picking_return": "stock_return",
}
#: What is told about a document of a kind when it takes a state; other changes are nobody's business.
_WHAT = {
    ("invoice", "posted"): "invoice.posted",
    ("invoice", "cancel"): "invoice.cancelled",
    ("credit", "posted"): "credit.posted",
    ("accrual", "posted"): "accrual.posted",
    ("accrual_reversal", "posted"): "accrual_reversal.posted",
    ("payment", "posted"): "payment.posted",
    ("stock", "done"): "stock.done",
    ("stock_return", "done"): "stock.returned",
}


class Witness:
    """Writes the journal of one database, call by call."""

    def __init__(self, db: SimulatedDatabase) -> None:
        self.journal = Journal("odoo")
        self._db = db

    def saw(self, effects: Iterable[Effect]) -> None:
        """Take down the effects of a call that was committed; what it made and deleted again never was."""
        for effect in effects:
            row = self._db.rows(effect.model).get(effect.id)
            if row is None:
                continue
            if effect.model == "account.move":
                self._saw_document(self._move(row), effect)
            elif effect.model == "stock.picking":
                self._saw_document(self._picking(row), effect)
            elif effect.before is None:
                self._saw_match(row)

    def standing(self) -> Iterator[Standing]:
        """Every document there is, drafts and cancelled ones included."""
        for row in self._db.rows("account.move").values():
            if (move := self._move(row)) is not None:
                yield move
        for row in self._db.rows("stock.picking").values():
            yield self._picking(row)

    def _saw_document(self, document: Standing | None, effect: Effect) -> None:
        if document is None:
            return
        if document.kind == "invoice" and effect.before is None:
            self._tell("invoice.drafted", document)
        if (what := _WHAT.get((document.kind, effect.after))) is not None:
            self._tell(what, document)
        if (effect.before, effect.after) == ("posted", "draft"):
            self._tell(f"{document.kind}.redrafted", document)

    def _tell(self, what: str, document: Standing) -> None:
        self.journal.saw(
            what,
            document.key,
            number=document.number,
            amount=document.amount,
            external_id=document.external_id,
        )

    def _saw_match(self, partial: Row) -> None:
        """A payment's receivable line was matched with an invoice's."""
        debit, credit = (self._db.row(_LINE, partial[side]) for side in ("debit_move_id", "credit_move_id"))
        invoice, payment = (self._move(self._db.row("account.move", line["move_id"])) for line in (debit, credit))
        if invoice is None or payment is None or (invoice.kind, payment.kind) != ("invoice", "payment"):
            return
        self.journal.saw(
            "payment.reconciled",
            payment.key,
            number=payment.number,
            amount=_cents(partial["amount"]),
            of=invoice.key,
            external_id=payment.external_id,
        )

    def _move(self, row: Row) -> Standing | None:
        """A customer invoice, credit note or entry; None for what an integration of ours never makes."""
        receivable = [line for line in self._lines(row) if self._is_receivable(line)]
        guess = _kind_of_entry(row, receivable) if row["move_type"] == "entry" else _KIND_OF.get(row["move_type"])
        external_id = self._external_id("account.move", row)
        kind = kind_of(external_id, str(row.get("ref") or "")) or guess
        if kind is None:
            return None
        return Standing(
            system="odoo",
            kind=kind,
            key=str(row.get("ref") or row.get("invoice_origin") or ""),
            number=_number(row),
            state=row["state"],
            amount=_cents(row.get("amount_total") or 0),
            residual=_cents(sum(abs(line["amount_residual"]) for line in receivable)),
            payment_state=row["payment_state"],
            external_id=external_id,
            day=_day(row.get("date")),
            party=self._party(row, receivable),
        )

    def _picking(self, row: Row) -> Standing:
        """A transfer, outgoing or the way back, with what it moves."""
        incoming = self._db.row("stock.picking.type", row["picking_type_id"])["code"] == "incoming"
        external_id = self._external_id("stock.picking", row)
        return Standing(
            system="odoo",
            kind=kind_of(external_id, str(row.get("origin") or "")) or ("stock_return" if incoming else "stock"),
            key=str(row.get("origin") or ""),
            number=_number(row),
            state=row["state"],
            moved=self._moved(row),
            external_id=external_id,
            day=_day(row.get("scheduled_date")),
        )

    def _party(self, row: Row, receivable: list[Row]) -> str:
        """Whose account it is on: a document's own partner, an entry's by the line that somebody owes."""
        partners = [row.get("partner_id"), *(line.get("partner_id") for line in receivable)]
        partner = next((identifier for identifier in partners if identifier), 0)
        return str(self._db.rows("res.partner").get(partner, {}).get("ref") or "")

    def _moved(self, picking: Row) -> dict[str, Decimal]:
        table = self._db.store.tables["stock.move"]
        moved: dict[str, Decimal] = {}
        for identifier in table.index["picking_id"].get(picking["id"], ()):
            move = table.rows[identifier]
            article = self._db.rows("product.product").get(move.get("product_id") or 0, {})
            product = str(article.get("default_code") or "")
            moved[product] = moved.get(product, Decimal(0)) + Decimal(str(move["quantity"] or 0))
        return moved

    def _lines(self, move: Row) -> list[Row]:
        table = self._db.store.tables[_LINE]
        return [table.rows[identifier] for identifier in table.index["move_id"].get(move["id"], ())]

    def _is_receivable(self, line: Row) -> bool:
        return bool(self._db.row("account.account", line["account_id"])["account_type"] == "asset_receivable")

    def _external_id(self, model: str, row: Row) -> str:
        names = self._db.store.external_of.get((model, row["id"]), ())
        return next((name for name in names if name.startswith(_MODULE)), "")


def kind_of(external_id: str, key: str) -> str | None:
    """The kind that an external id of ours says: the one that makes it of this key, or the longest it begins with."""
    name = external_id.removeprefix(_MODULE)
    fitting = [kind for kind in _KINDS if name.startswith(f"{kind}_")]
    exact = [kind for kind in fitting if external_name(kind, key) == name]
    found = max(exact or fitting, key=len, default=None)
    return _KINDS[found] if found else None


def _kind_of_entry(row: Row, receivable: list[Row]) -> str:
    """Only a payment touches a customer's receivable, and only a reversal names the entry that it reverses."""
    if receivable:
        return "payment"
    return "accrual_reversal" if row.get("reversed_entry_id") else "accrual"


def _number(row: Row) -> str:
    """Odoo's number, which a draft doesn't have yet."""
    name = row.get("name")
    return str(name) if name and name != "/" else f"#{row['id']}"


def _day(told: Any) -> date | None:
    return date.fromisoformat(str(told)[:10]) if told else None


def _cents(amount: Any) -> Decimal:
    """Amounts are floats here, already rounded to the cent."""
    return Decimal(f"{amount:.2f}")
