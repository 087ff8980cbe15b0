"""Who may do what: rights by model and operation, and records of other companies."""

from collections.abc import Sequence

from suture_lab.simulators.odoo.call import CalledRecords
from suture_lab.simulators.odoo.errors import AccessError
from suture_lab.simulators.odoo.store import Row

_DOES = {"read": "access", "write": "modify", "create": "create", "unlink": "delete"}


def may(model: CalledRecords, operation: str) -> bool:
    return not model.forbidden and operation not in model.db.lacking.get(model.model, ())


def check(model: CalledRecords, operation: str) -> None:
    """Raises `AccessError` where nobody gave the user this right."""
    if not may(model, operation):
        raise AccessError(
            f"You are not allowed to {_DOES[operation]} '{model.model}' ({model.model}) records.\n\n"
            "Contact your administrator to request access if necessary."
        )


def check_visible(model: CalledRecords, rows: Sequence[Row], operation: str) -> None:
    """Raises `AccessError` for a record of a company that isn't of this call."""
    if not all(model.env.visible(model.model, row) for row in rows):
        raise AccessError(
            f"The user (id={model.env.user}) doesn't have '{operation}' access to:\n- {model.model}\n\n"
            "This seems to be a multi-company issue."
        )
