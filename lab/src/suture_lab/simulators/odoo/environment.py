"""What one call runs in: who calls, in which companies, and how a field of a row is read for them."""

from collections.abc import Callable
from datetime import date
from typing import Any

from suture_lab.simulators.odoo.database import SimulatedDatabase, companies_of
from suture_lab.simulators.odoo.documents import MOVE
from suture_lab.simulators.odoo.errors import AccessError, PythonError
from suture_lab.simulators.odoo.fields import Field
from suture_lab.simulators.odoo.invoicing import compute_move
from suture_lab.simulators.odoo.model import Model
from suture_lab.simulators.odoo.numbers import numbered
from suture_lab.simulators.odoo.store import Row

Getter = Callable[[Row], Any]


class Environment:
    """The database, who calls, and the context. The whole call has one time (`stamp`), and knows which periods of
    journals were `numbered` as it began."""

    def __init__(
        self,
        db: SimulatedDatabase,
        user: int,
        context: Row,
        classes: dict[str, type[Model]],
        numbers: frozenset[str] | None = None,
    ) -> None:
        self.db = db
        self.user = user
        self.context = context
        self.stamp = db.now()
        self.numbered = numbered(db) if numbers is None else numbers
        self.companies = self._companies()
        self.company = self.companies[0]
        self._allowed = frozenset(self.companies)
        self._classes = classes
        self._models: dict[str, Model] = {}
        self._getters: dict[tuple[str, str], Getter] = {}
        self._rates: dict[tuple[int, int, str], float] = {}
        self._uncomputed: dict[int, None] = {}

    def _companies(self) -> list[int]:
        """The companies that this call may touch, its own first. Raises `AccessError` for one that the user may not."""
        user = self.db.rows("res.users").get(self.user, {})
        own, allowed = user.get("company_id") or 1, user.get("company_ids") or [1]
        asked = self.context.get("allowed_company_ids")
        if not asked:
            return [own, *(company for company in allowed if company != own)]
        if not set(asked) <= set(allowed):
            raise AccessError("Access to unauthorized or invalid companies.")
        return list(asked)

    def visible(self, model: str, row: Row) -> bool:
        """Whether a row is of a company of this call, or of none."""
        if model == "res.company":
            return row["id"] in self._allowed
        of = companies_of(row)
        return not of or not self._allowed.isdisjoint(of)

    def rate(self, currency: int, day: str, company: int | None = None) -> float:
        """Units of a currency for one of the company's on a day (`res.currency.rate`)."""
        company = company or self.company
        if currency == self.db.row("res.company", company)["currency_id"]:
            return 1.0
        key = (company, currency, day)
        if key not in self._rates:
            self._rates[key] = self._rate(company, currency, day)
        return self._rates[key]

    def _rate(self, company: int, currency: int, day: str) -> float:
        """The latest rate until then; before the first one, the first; without any, one for one."""
        rates = [
            row
            for row in self.db.rows("res.currency.rate").values()
            if row["currency_id"] == currency and row.get("company_id") in (company, None, False)
        ]
        rates.sort(key=lambda row: str(row["name"]))
        past = [row for row in rates if row["name"] <= day]
        return float((past[-1] if past else rates[0])["rate"]) if rates else 1.0

    def compute_later(self, move: Row) -> None:
        """Something changed in a move's lines: what follows is computed once all of it is written (`flush`)."""
        self._uncomputed[move["id"]] = None

    def flush(self) -> None:
        while self._uncomputed:
            identifier = next(iter(self._uncomputed))
            if (move := self.db.rows(MOVE).get(identifier)) is not None:
                compute_move(self, move)
            del self._uncomputed[identifier]

    @property
    def today(self) -> date:
        return self.db.today()

    def next_number(self, stem: str) -> int:
        """The next number of a sequence; a rolled back call leaves no gap, as with Odoo's invoices."""
        return self.db.store.next_number(stem)

    def model(self, name: str) -> Model:
        found = self._models.get(name)
        if found is None:
            found = self._models[name] = self._classes.get(name, Model)(self, name)
        return found

    def name(self, external_id: str, model: str, identifier: int) -> None:
        self.db.store.name(external_id, model, identifier, noupdate=bool(self.context.get("noupdate")))

    def getter(self, model: str, path: str) -> Getter:
        """Reads `path` (a field, or a dotted way through many2one fields) of a row of `model`."""
        found = self._getters.get((model, path))
        if found is None:
            found = self._getters[model, path] = self._make_getter(model, path)
        return found

    def _make_getter(self, model: str, path: str) -> Getter:
        first, _, rest = path.partition(".")
        field = self.db.fields(model).get(first)
        if field is None:
            raise PythonError("ValueError", f"Invalid field {first!r} on model {model!r}")
        return self._through(model, first, field.comodel, rest) if rest else self._own(model, first, field)

    def _own(self, model: str, name: str, field: Field) -> Getter:
        if field.computed:
            compute: Getter = getattr(self.model(model), f"compute_{name}")
            return compute
        if field.path:
            return self.getter(model, field.path)
        if field.kind == "one2many":
            return lambda row: self.db.inverse_ids(field, row["id"])
        if field.kind == "many2many":
            rows = self.db.rows(field.comodel)
            return lambda row: [i for i in row.get(name) or () if self.visible(field.comodel, rows.get(i, {"id": i}))]
        if field.by_company:
            return lambda row: (row.get(name) or {}).get(self.company)
        return lambda row: row.get(name)

    def _through(self, model: str, first: str, comodel: str, rest: str) -> Getter:
        here, there, rows = self.getter(model, first), self.getter(comodel, rest), self.db.rows(comodel)

        def get(row: Row) -> Any:
            found = here(row)
            if isinstance(found, list):
                return [there(rows[identifier]) for identifier in found]
            target = rows.get(found)
            return there(target) if target is not None else None

        return get
