"""`account.move`: journal entries, invoices, bills and their refunds; what may be written and deleted."""

from collections.abc import Sequence
from datetime import date, timedelta

from suture_lab.simulators.odoo import posting
from suture_lab.simulators.odoo.dates import drafted_on
from suture_lab.simulators.odoo.documents import INVOICES, LINE, PURCHASES, SALES, lines_of, touch_lines
from suture_lab.simulators.odoo.errors import OdooUserError, ValidationError
from suture_lab.simulators.odoo.lines import refuse_reconciled
from suture_lab.simulators.odoo.model import Model, of_records
from suture_lab.simulators.odoo.numbers import name_first_draft, release_name
from suture_lab.simulators.odoo.open_items import partials_of
from suture_lab.simulators.odoo.store import Row

_FROZEN = ("date", "invoice_date", "partner_id", "currency_id", "line_ids", "invoice_line_ids")
_KEPT_BY_LINES = frozenset(("ref", "name", "date", "invoice_date", "partner_id", "journal_id", "currency_id"))


class Moves(Model):
    same_company = ("journal_id", "partner_id")

    def defaults(self, values: Row) -> Row:
        kind = values.get("move_type") or "entry"
        journal = self._journal(kind, values)
        company = values.get("company_id") or journal["company_id"]
        today = self.env.today.isoformat()
        own = {
            "move_type": kind,
            "journal_id": journal["id"],
            "company_id": company,
            "currency_id": journal.get("currency_id") or self.db.row("res.company", company)["currency_id"],
            "date": values.get("invoice_date") or today,
            "state": "draft",
            "payment_state": "not_paid",
            "auto_post": "no",
            "posted_before": False,
            "name": "/" if self.db.version < 18 else False,
        }
        return {**own, "invoice_date_due": self._due(values, company)} if kind in INVOICES else own

    def _due(self, values: Row, company: int) -> str:
        """By the customer's payment terms, or on the invoice's own day."""
        day = date.fromisoformat(values.get("invoice_date") or self.env.today.isoformat())
        partner = self.db.row("res.partner", values["partner_id"]) if values.get("partner_id") else {}
        term = (partner.get("property_payment_term_id") or {}).get(company)
        lines = [] if not term else self.db.rows("account.payment.term.line").values()
        days = max((line["nb_days"] for line in lines if line["payment_id"] == term), default=0)
        return (day + timedelta(days=days)).isoformat()

    def insert(self, values: Row) -> int:
        given = {name: value for name, value in values.items() if value is not False or name in ("name", "auto_post")}
        identifier = super().insert(given)
        row = self.db.row(self.model, identifier)
        self.env.flush()
        self.db.store.set(self.model, row, "date", drafted_on(self.env, row).isoformat())
        name_first_draft(self.env, row)
        return identifier

    def update(self, row: Row, values: Row) -> None:
        self._check_changes(row, values)
        super().update(row, values)
        if not _KEPT_BY_LINES.isdisjoint(values):
            touch_lines(self.env, row)
        if "invoice_date" in values and row["state"] == "draft":
            self.db.store.set(self.model, row, "date", drafted_on(self.env, row).isoformat())
        for field in ("partner_id", "currency_id"):
            if field in values and row["move_type"] in INVOICES:
                self._pass_on(row, field)

    def delete(self, row: Row) -> None:
        if row["state"] == "posted":
            raise OdooUserError(
                "You can't delete a posted journal item. Reset the journal entry to draft before deleting it."
            )
        super().delete(row)
        release_name(self.env, row)

    @of_records
    def action_post(self, ids: Sequence[int]) -> bool:
        posting.post(self.env, self.existing(ids))
        return False

    @of_records
    def button_cancel(self, ids: Sequence[int]) -> None:
        """A posted move is reset to draft first, on 17 and 19 alike."""
        rows = self.existing(ids)
        posting.reset(self.env, [row for row in rows if row["state"] == "posted"])
        for row in rows:
            self.compute(row, {"state": "cancel"})

    @of_records
    def button_draft(self, ids: Sequence[int]) -> None:
        posting.reset(self.env, self.existing(ids))

    def compute_display_name(self, row: Row) -> str:
        named = row["state"] != "draft" or row["name"] not in ("/", False, None)
        kind = "Entry" if row["move_type"] == "entry" else "Invoice"
        number = f"(* {row['id']})" if self.db.version < 18 else ""
        name = str(row["name"]) if named else f"Draft {kind} {number}".strip()
        return f"{name} ({row['ref']})" if row.get("ref") else name

    def _check_changes(self, row: Row, values: Row) -> None:
        """What of a posted move may not be written: 19 names its fields, 17 looks at what is matched already."""
        if row["state"] != "posted":
            return
        if values.get("journal_id", row["journal_id"]) != row["journal_id"]:
            raise OdooUserError("You cannot edit the journal of an account move if it has been posted once.")
        frozen = [name for name in _FROZEN if name in values and values[name] != row.get(name)]
        if frozen and self.db.version >= 18:
            raise OdooUserError(
                f"You cannot modify the following readonly fields on a posted move: {', '.join(frozen)}"
            )
        matched = "partner_id" in frozen and any(partials_of(self.env, line) for line in lines_of(self.env, row))
        if matched:
            raise refuse_reconciled(row)

    def _pass_on(self, row: Row, field: str) -> None:
        for line in lines_of(self.env, row):
            self.env.model(LINE).compute(line, {field: row[field]})
        self.env.compute_later(row)

    def _journal(self, kind: str, values: Row) -> Row:
        if values.get("journal_id"):
            journal = self.db.row("account.journal", values["journal_id"])
            if (kind in SALES) > (journal["type"] == "sale") or (kind in PURCHASES) > (journal["type"] == "purchase"):
                document = "sale" if kind in SALES else "purchase"
                raise ValidationError(f"Cannot create a {document} document in a non {document} journal")
            return journal
        wanted = "sale" if kind in SALES else "purchase" if kind in PURCHASES else "general"
        company = values.get("company_id") or self.env.company
        for journal in self.db.rows("account.journal").values():
            if journal["type"] == wanted and journal["company_id"] == company and journal.get("active", True):
                return journal
        name = self.db.row("res.company", company)["name"]
        raise OdooUserError(f"No journal could be found in company {name} for any of those types: {wanted}")
