"""`account.partial.reconcile`: a match, which may be undone by itself."""

from collections.abc import Sequence

from suture_lab.simulators.odoo.model import Model, of_records
from suture_lab.simulators.odoo.reconciliation import undo


class Partials(Model):
    @of_records
    def unlink(self, ids: Sequence[int]) -> bool:
        undo(self.env, self.existing(ids, "unlink"))
        return True
