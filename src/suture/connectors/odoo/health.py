"""What `suture doctor` shows of Odoo, and which rights the integration user lacks, in plain words."""

from suture.connectors.odoo.client import Odoo
from suture.connectors.port import Health
from suture.core.failure import Failure, Fatal

_NEEDED: tuple[tuple[str, str, str], ...] = (
    ("res.partner", "create", "create contacts"),
    ("account.move", "create", "write invoices and entries"),
    ("account.analytic.account", "create", "write analytic accounts"),
    ("account.partial.reconcile", "create", "reconcile payments"),
    ("product.product", "create", "create products (to prepare the ledger)"),
    ("stock.picking", "create", "move stock"),
    ("stock.location", "create", "create stock locations (to prepare the ledger)"),
)


async def examine(odoo: Odoo, system: str, version: str) -> Health:
    remedies = [words for need in _NEEDED if (words := await _lacks(odoo, *need))]
    return Health(system=system, reachable=True, version=version, remedies=tuple(remedies))


async def _lacks(odoo: Odoo, model: str, operation: str, what: str) -> str:
    try:
        allowed = await _may(odoo, model, operation)
    except Fatal as error:
        if error.code == "not_understood":
            return f"Odoo has no {model}: install the app that it belongs to (Invoicing, Inventory)."
        return f"{error.message}. {error.remedy}"
    except Failure as error:
        return f"{error.message}. {error.remedy}"
    return "" if allowed else f"The integration user may not {what}: see 'Access rights' in docs/odoo.md."


async def _may(odoo: Odoo, model: str, operation: str) -> bool:
    """Whether the user may; 18 renamed the question."""
    if odoo.version >= 18:
        return bool(await odoo.do(model, "has_access", [], operation=operation))
    return bool(await odoo.ask(model, "check_access_rights", operation=operation, raise_exception=False))
