"""What people changed or deleted, noted in the transaction that does it: nothing is missed, and nothing a phantom."""

from datetime import timedelta

from odoo import api, fields, models

_KEPT_DAYS = 30


class SutureOutbox(models.Model):
    """Suture reads these by id. Its own changes are not noted."""

    _name = "suture.outbox"
    _description = "Suture: changes for the integration"
    _order = "id desc"
    _log_access = False

    model = fields.Char(required=True, readonly=True)
    res_id = fields.Integer(required=True, readonly=True)
    what = fields.Selection(
        [("create", "Created"), ("write", "Changed"), ("unlink", "Deleted")], required=True, readonly=True
    )
    names = fields.Char(string="Fields", readonly=True, help="Names of changed fields, never their content.")
    at = fields.Datetime(required=True, readonly=True, default=lambda self: self.env.cr.now())

    @api.model
    def _note(self, records, what, names=()):
        """Note a change of some records, unless the integration user makes it."""
        login = self.env["ir.config_parameter"].sudo().get_param("suture_connect.login")
        if not records or (login and self.env.user.login == login):
            return
        told = ",".join(sorted(names))
        self.sudo().create(
            [{"model": records._name, "res_id": record.id, "what": what, "names": told} for record in records]
        )

    @api.autovacuum
    def _forget_old(self):
        self.sudo().search([("at", "<", fields.Datetime.now() - timedelta(days=_KEPT_DAYS))], limit=10_000).unlink()
