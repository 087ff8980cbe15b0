"""One call as one transaction: find the method, bind its arguments, run it, keep all of it or nothing."""

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from suture_lab.simulators.odoo.companies import Accounts, Companies, Currencies, Owned, Rates, Taxes
from suture_lab.simulators.odoo.connect import MODELS, Connect
from suture_lab.simulators.odoo.database import SimulatedDatabase
from suture_lab.simulators.odoo.environment import Environment
from suture_lab.simulators.odoo.errors import PythonError, ServerError
from suture_lab.simulators.odoo.lines import Lines
from suture_lab.simulators.odoo.model import Model
from suture_lab.simulators.odoo.moves import Moves
from suture_lab.simulators.odoo.partials import Partials
from suture_lab.simulators.odoo.people import ExternalIds, Partners, Users17, Users19
from suture_lab.simulators.odoo.pickings import Pickings
from suture_lab.simulators.odoo.products import Products, SupplierInfo
from suture_lab.simulators.odoo.purchasing import OrderLines, Orders
from suture_lab.simulators.odoo.quants import Locations, Lots, Orderpoints, Quants
from suture_lab.simulators.odoo.stock_moves import StockLines, StockMoves
from suture_lab.simulators.odoo.store import Row
from suture_lab.simulators.odoo.witness import Witness

_COMMON: dict[str, type[Model]] = {
    "account.account": Accounts,
    "account.analytic.account": Owned,
    "account.journal": Owned,
    "account.move": Moves,
    "account.move.line": Lines,
    "account.partial.reconcile": Partials,
    "account.tax": Taxes,
    "ir.model.data": ExternalIds,
    "product.product": Products,
    "product.supplierinfo": SupplierInfo,
    "purchase.order": Orders,
    "purchase.order.line": OrderLines,
    "res.company": Companies,
    "res.currency": Currencies,
    "res.currency.rate": Rates,
    "res.partner": Partners,
    "stock.location": Locations,
    "stock.lot": Lots,
    "stock.move": StockMoves,
    "stock.move.line": StockLines,
    "stock.picking": Pickings,
    "stock.quant": Quants,
    "stock.warehouse.orderpoint": Orderpoints,
    "suture.connect": Connect,
}
_RECENT = 18
_NOT_FROM_OUTSIDE = ("exists",)


class CannotBind(Exception):
    """The arguments don't fit the method; each protocol says so in its own way."""


class Server:
    """Runs calls on one database, one after the other."""

    def __init__(self, db: SimulatedDatabase) -> None:
        self.db = db
        self.witness = Witness(db)
        self.classes = {**_COMMON, "res.users": Users19 if db.version >= _RECENT else Users17}

    def has_model(self, model: str) -> bool:
        return model in self.db.schema and (self.db.connects or model not in MODELS)

    def method_kind(self, model: str, method: str) -> str:
        """``model``, ``records``, ``private`` or empty where there is no such method."""
        if method.startswith("_") or (self.db.version >= _RECENT and method in _NOT_FROM_OUTSIDE):
            return "private"
        of: Any = self.classes.get(model, Model)
        return _kind(of, method, self.db.version)

    def run(
        self,
        user: int,
        model: str,
        method: str,
        positional: Sequence[Any],
        named: Row,
        *,
        numbers: frozenset[str] | None = None,
    ) -> Any:
        """The method's result. `numbers` are the periods that were numbered as the call came, where that was before it
        runs. Raises `ServerError`, `CannotBind`; nothing of a failed call remains."""
        context = named.pop("context", None) or {}
        of: Any = self.classes.get(model, Model)
        try:
            _signature(of, method).bind(*positional, **named)
        except TypeError as error:
            raise CannotBind(str(error)) from error
        bound = getattr(Environment(self.db, user, context, self.classes, numbers).model(model), method)
        return self._transaction(bound, positional, named)

    def _transaction(self, bound: Callable[..., Any], positional: Sequence[Any], named: Row) -> Any:
        mark = self.db.store.mark()
        try:
            result = bound(*positional, **named)
        except ServerError:
            self._rollback(mark)
            raise
        except Exception as error:
            self._rollback(mark)
            raise PythonError(type(error).__name__, str(error)) from error
        self.witness.saw(self.db.store.commit())
        return result

    def _rollback(self, mark: int) -> None:
        self.db.store.rollback(mark)
        if self.db.version >= _RECENT:
            self.db.hints.forget()


@cache
def _kind(of: Any, method: str, version: int) -> str:
    marks = getattr(getattr(of, method, None), "__dict__", {})
    return str(marks.get("public", "")) if version >= marks.get("since", 0) else ""


@cache
def _signature(of: Any, method: str) -> inspect.Signature:
    whole = inspect.signature(getattr(of, method))
    return whole.replace(parameters=list(whole.parameters.values())[1:])
