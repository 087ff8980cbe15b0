"""How the integration stands, for whoever works in Odoo: counts and times, and nobody's name."""

from datetime import timedelta

from odoo import fields, http
from odoo.http import request

_ORIGIN = "Suture %"


class SutureHealth(http.Controller):
    @http.route("/suture/health", type="http", auth="user")
    def health(self):
        moves = request.env["account.move"]
        if hasattr(moves, "check_access"):  # 18 and later
            moves.check_access("read")
        else:
            moves.check_access_rights("read")
        company = request.env.company
        ours = [("invoice_origin", "=like", _ORIGIN), ("company_id", "=", company.id)]
        now = fields.Datetime.now()
        last = moves.search(ours, order="create_date desc", limit=1)
        waiting = [*ours, ("state", "=", "draft"), ("create_date", "<", now - timedelta(hours=1))]
        day = [*ours, ("create_date", ">=", now - timedelta(days=1))]
        written = fields.Datetime.to_string(last.create_date) if last else "none"
        readings = [
            ("Last document by Suture (UTC)", written),
            ("Documents by Suture in the last 24 hours", moves.search_count(day)),
            ("of these posted", moves.search_count([*day, ("state", "=", "posted")])),
            ("Drafts by Suture that are older than an hour", moves.search_count(waiting)),
            ("Changes by people noted for Suture", request.env["suture.outbox"].search_count([])),
        ]
        return request.render("suture_connect.health", {"company": company.name, "readings": readings})
