"""The models whose changes by people Suture wants to hear of."""

from odoo import api, models


class AccountMove(models.Model):
    _inherit = "account.move"

    def write(self, vals):
        result = super().write(vals)
        self.env["suture.outbox"]._note(self, "write", vals)
        return result

    def unlink(self):
        self.env["suture.outbox"]._note(self, "unlink")
        return super().unlink()


class ResPartner(models.Model):
    _inherit = "res.partner"

    @api.model_create_multi
    def create(self, vals_list):
        partners = super().create(vals_list)
        self.env["suture.outbox"]._note(partners, "create")
        return partners

    def write(self, vals):
        result = super().write(vals)
        self.env["suture.outbox"]._note(self, "write", vals)
        return result

    def unlink(self):
        self.env["suture.outbox"]._note(self, "unlink")
        return super().unlink()


class ProductProduct(models.Model):
    _inherit = "product.product"

    def write(self, vals):
        result = super().write(vals)
        self.env["suture.outbox"]._note(self, "write", vals)
        return result
