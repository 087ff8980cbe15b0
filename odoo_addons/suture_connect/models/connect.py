"""Work of several steps in one call: what Suture would otherwise do in three, and in as many more as there are sets."""

from odoo import api, models


class SutureConnect(models.AbstractModel):
    """Methods for the integration user. Every step runs with that user's own rights."""

    _name = "suture.connect"
    _description = "Suture: several steps in one call"

    @api.model
    def post(self, moves, settles, columns):
        """Post drafts, reconcile what they settle and read them back, in one transaction.

        :param moves: ids of drafts (`account.move`)
        :param settles: [[id of one of them, account id, partner id, [ids of open lines]]]
        :param columns: names of the fields to read back
        :return: the rows, many2one fields as ids
        """
        drafts = self.env["account.move"].browse(moves)
        drafts.action_post()
        self._settle(settles)
        return drafts.read(columns, load="")

    @api.model
    def _settle(self, settles):
        """Reconcile each entry's own open lines with what they settle, all sets together: Odoo computes once."""
        lines = self.env["account.move.line"]
        plan = []
        for entry, account, partner, ids in settles:
            own = (
                self.env["account.move"]
                .browse(entry)
                .line_ids.filtered(
                    lambda line, account=account, partner=partner: (
                        line.account_id.id == account and line.partner_id.id == partner and not line.reconciled
                    )
                )
            )
            others = lines.browse(ids).filtered(lambda line: not line.reconciled)
            if own and others:
                plan.append(own | others)
        if plan:
            lines._reconcile_plan(plan)
