"""What one call runs in."""

from datetime import date

from suture.simulators.odoo.database import Database
from suture.simulators.odoo.model import Model
from suture.simulators.odoo.store import Row


class Environment:
    """What one call runs in: the database, who calls, and the context."""

    def __init__(self, db: Database, user: int, context: Row, classes: dict[str, type[Model]]) -> None:
        self.db = db
        self.user = user
        self.context = context
        self._classes = classes
        self._models: dict[str, Model] = {}

    @property
    def company(self) -> int:
        allowed = self.context.get("allowed_company_ids") or [1]
        return int(allowed[0])

    @property
    def today(self) -> date:
        return self.db.today()

    def next_number(self, stem: str) -> int:
        """The next number of a sequence; a rolled back call leaves no gap, as with Odoo's invoices."""
        return self.db.store.next_number(stem)

    def account(self, code: str) -> int:
        return next(iter(self.db.store.tables["account.account"].index["code"][code]))

    def model(self, name: str) -> Model:
        found = self._models.get(name)
        if found is None:
            found = self._models[name] = self._classes.get(name, Model)(self, name)
        return found

    def name(self, external_id: str, model: str, identifier: int) -> None:
        self.db.store.name(external_id, model, identifier, noupdate=bool(self.context.get("noupdate")))
