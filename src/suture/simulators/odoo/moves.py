"""`account.move` and its lines: amounts, posting, numbers, lock dates, cancelling."""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, timedelta

from suture.simulators.odoo.errors import UserError
from suture.simulators.odoo.lines import INVOICES, SIGN, money
from suture.simulators.odoo.model import Model, of_records
from suture.simulators.odoo.reconciliation import reconcile, unreconcile
from suture.simulators.odoo.seed import RECEIVABLE
from suture.simulators.odoo.store import Row

_JOURNAL_OF = {"out_invoice": "sale", "out_refund": "sale", "in_invoice": "purchase", "in_refund": "purchase"}


class Moves(Model):
    """Journal entries, customer invoices and credit notes."""

    def defaults(self, values: Row) -> Row:
        kind = values.get("move_type") or "entry"
        journal = values.get("journal_id") or self._journal(_JOURNAL_OF.get(kind, "general"))
        day = values.get("invoice_date") or values.get("date") or self.env.today.isoformat()
        return {
            "move_type": kind,
            "journal_id": journal,
            "company_id": self.env.company,
            "currency_id": self.db.row("res.company", self.env.company)["currency_id"],
            "date": day,
            "state": "draft",
            "payment_state": "not_paid",
            "name": "/" if self.db.version < 18 else False,
        }

    def insert(self, values: Row) -> int:
        identifier = super().insert(values)
        self._compute(self.db.row(self.model, identifier))
        return identifier

    def update(self, row: Row, values: Row) -> None:
        """17 lets a posted, unpaid invoice change without a word; 19 doesn't."""
        lines = any(self.fields[name].kind == "one2many" for name in values if name in self.fields)
        if row["state"] == "posted" and lines and (self.db.version >= 18 or row["payment_state"] != "not_paid"):
            raise UserError("You cannot modify the following readonly fields on a posted move: line_ids")
        if row["state"] == "posted" and values.get("journal_id", row["journal_id"]) != row["journal_id"]:
            raise UserError("You cannot edit the journal of an account move if it has been posted once.")
        super().update(row, values)
        if lines:
            self._compute(row)

    def delete(self, row: Row) -> None:
        if row["state"] == "posted":
            raise UserError("You cannot delete a posted journal item without resetting it to draft first.")
        super().delete(row)

    @of_records
    def action_post(self, ids: Sequence[int]) -> bool:
        rows = self.existing(ids)
        wrong = [row for row in rows if row["state"] != "draft"]
        if wrong:
            raise UserError("\n".join(f"The entry {row['name']} (id {row['id']}) must be in draft." for row in wrong))
        for row in rows:
            self._post(row)
        return False

    @of_records
    def button_cancel(self, ids: Sequence[int]) -> None:
        """A posted move is reset to draft first, on 17 and 19 alike."""
        rows = self.existing(ids)
        self.button_draft([row["id"] for row in rows if row["state"] == "posted"])
        for row in rows:
            self.db.store.set(self.model, row, "state", "cancel")

    @of_records
    def button_draft(self, ids: Sequence[int]) -> None:
        for row in self.existing(ids):
            if row["state"] not in ("posted", "cancel"):
                raise UserError("Only posted/cancelled journal entries can be reset to draft.")
            for line in self._lines(row):
                unreconcile(self.env, line)
            self.db.store.set(self.model, row, "state", "draft")

    def _post(self, row: Row) -> None:
        lines = self._lines(row)
        if not [line for line in lines if line["display_type"] == "product"]:
            raise UserError("You need to add a line before posting.")
        if row["move_type"] in INVOICES and not row.get("partner_id"):
            raise UserError("The 'Customer' field is required to validate the invoice.")
        if row["move_type"] in INVOICES and not row.get("invoice_date"):
            self.db.store.set(self.model, row, "invoice_date", self.env.today.isoformat())
        day = self._allowed(row, date.fromisoformat(row["date"]))
        self.db.store.set(self.model, row, "date", day.isoformat())
        if row["name"] in ("/", False):
            self.db.store.set(self.model, row, "name", self._next_name(row, day))
        self.db.store.set(self.model, row, "state", "posted")
        if row.get("reversed_entry_id"):
            self._reconcile_reversed(row)

    def _reconcile_reversed(self, row: Row) -> None:
        original = self.db.row(self.model, row["reversed_entry_id"])
        for line in self._lines(row):
            twins = [twin for twin in self._lines(original) if twin["account_id"] == line["account_id"]]
            open_twins = [twin for twin in twins if not twin["reconciled"]]
            if open_twins and self.db.row("account.account", line["account_id"])["reconcile"]:
                reconcile(self.env, [*open_twins, line])

    def _allowed(self, row: Row, day: date) -> date:
        """Odoo's silent way with a locked period: the last day of the period that the next free day is in, or today.

        The period is that of the sequence: a month, or for an invoice in a journal that has numbers already a year.
        """
        locked = self.locked_until(row["move_type"])
        if day > locked:
            return day
        free = locked + timedelta(days=1)
        yearly = row["move_type"] in INVOICES and self._has_numbers(row["journal_id"])
        month = 12 if yearly else free.month
        return min(self.env.today, date(free.year, month, monthrange(free.year, month)[1]))

    def _has_numbers(self, journal: int) -> bool:
        code = self.db.row("account.journal", journal)["code"]
        return any(stem.startswith(f"{code}/") for stem in self.db.store.sequences)

    def locked_until(self, kind: str) -> date:
        company = self.db.row("res.company", self.env.company)
        names = ["fiscalyear_lock_date", "period_lock_date", "hard_lock_date"]
        if kind in INVOICES:
            names.append("sale_lock_date")
        return max((date.fromisoformat(company[name]) for name in names if company.get(name)), default=date.min)

    def _next_name(self, row: Row, day: date) -> str:
        journal = self.db.row("account.journal", row["journal_id"])
        prefix = "R" if row["move_type"] == "out_refund" else ""
        period = f"{day.year}/{day.month:02}" if journal["type"] == "general" else str(day.year)
        width = 4 if journal["type"] == "general" else 5
        stem = f"{prefix}{journal['code']}/{period}/"
        return f"{stem}{self.env.next_number(stem):0{width}}"

    def _compute(self, row: Row) -> None:
        """Amounts of a draft from its lines, and an invoice's receivable line."""
        lines = [line for line in self._lines(row) if line["display_type"] == "product"]
        if row["move_type"] not in INVOICES:
            self._compute_entry(row, lines)
            return
        untaxed = money(sum(line["price_subtotal"] for line in lines))
        total = money(sum(line["price_total"] for line in lines))
        self._receivable(row, total)
        self._amounts(row, untaxed, total)

    def _compute_entry(self, row: Row, lines: Sequence[Row]) -> None:
        if lines and abs(sum(line["balance"] for line in lines)) > 0.004:
            raise UserError("The entry is not balanced.")
        total = money(sum(line["debit"] for line in lines))
        self._amounts(row, total, total)
        self.db.store.set(self.model, row, "amount_residual", 0.0)

    def _amounts(self, row: Row, untaxed: float, total: float) -> None:
        amounts = {"amount_untaxed": untaxed, "amount_tax": money(total - untaxed), "amount_total": total}
        for field, value in {**amounts, "amount_residual": total}.items():
            self.db.store.set(self.model, row, field, value)

    def _receivable(self, row: Row, total: float) -> None:
        balance = SIGN[row["move_type"]] * total
        items = self.env.model("account.move.line")
        known = [line for line in self._lines(row) if line["display_type"] == "payment_term"]
        if known:
            items.update(known[0], {"balance": balance})
            return
        account = self.env.account(RECEIVABLE)
        items.insert({"move_id": row["id"], "account_id": account, "display_type": "payment_term", "balance": balance})

    def _lines(self, row: Row) -> list[Row]:
        table = self.db.store.tables["account.move.line"]
        return [table.rows[i] for i in table.index["move_id"].get(row["id"], ())]

    def _journal(self, kind: str) -> int:
        journals = self.db.rows("account.journal").values()
        return int(next(row["id"] for row in journals if row["type"] == kind))
