"""One call as one transaction: find the method, bind its arguments, run it, keep all of it or nothing."""

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from suture.simulators.odoo.database import Database
from suture.simulators.odoo.environment import Environment
from suture.simulators.odoo.errors import OdooError, PythonError
from suture.simulators.odoo.lines import Lines
from suture.simulators.odoo.model import Model
from suture.simulators.odoo.moves import Moves
from suture.simulators.odoo.people import Accounts, Companies, ExternalIds, Partners, Products, Users
from suture.simulators.odoo.pickings import Pickings, StockMoves
from suture.simulators.odoo.store import Row
from suture.simulators.odoo.witness import Witness

CLASSES: dict[str, type[Model]] = {
    "account.account": Accounts,
    "account.move": Moves,
    "account.move.line": Lines,
    "ir.model.data": ExternalIds,
    "product.product": Products,
    "res.company": Companies,
    "res.partner": Partners,
    "res.users": Users,
    "stock.move": StockMoves,
    "stock.picking": Pickings,
}


class CannotBind(Exception):
    """The arguments don't fit the method; each protocol says so in its own way."""


class Server:
    """Runs calls on one database, one after the other."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.witness = Witness(db)

    def has_model(self, model: str) -> bool:
        return model in self.db.schema

    def method_kind(self, model: str, method: str) -> str:
        """``model``, ``records``, ``private`` or empty where there is no such method."""
        if method.startswith("_"):
            return "private"
        return _kind(model, method)

    def run(self, user: int, model: str, method: str, positional: Sequence[Any], named: Row) -> Any:
        """The method's result. Raises `OdooError`, `CannotBind`; nothing of a failed call remains."""
        context = named.pop("context", None) or {}
        bound = getattr(Environment(self.db, user, context, CLASSES).model(model), method)
        try:
            _signature(model, method).bind(*positional, **named)
        except TypeError as error:
            raise CannotBind(str(error)) from error
        return self._transaction(bound, positional, named)

    def _transaction(self, bound: Callable[..., Any], positional: Sequence[Any], named: Row) -> Any:
        mark = self.db.store.mark()
        try:
            result = bound(*positional, **named)
        except OdooError:
            self.db.store.rollback(mark)
            raise
        except Exception as error:
            self.db.store.rollback(mark)
            raise PythonError(type(error).__name__, str(error)) from error
        self.witness.saw(self.db.store.commit())
        return result


@cache
def _kind(model: str, method: str) -> str:
    return str(getattr(getattr(CLASSES.get(model, Model), method, None), "public", ""))


@cache
def _signature(model: str, method: str) -> inspect.Signature:
    whole = inspect.signature(getattr(CLASSES.get(model, Model), method))
    return whole.replace(parameters=list(whole.parameters.values())[1:])
