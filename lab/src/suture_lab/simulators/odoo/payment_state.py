"""`account.move.payment_state`: what an invoice's open amount and counterparts make of it. Pure."""

from collections.abc import Collection

from suture_lab.simulators.odoo.store import Row

_REVERSED_BY = {
    "out_invoice": "out_refund",
    "out_receipt": "out_refund",
    "in_invoice": "in_refund",
    "in_receipt": "in_refund",
}


def payment_state(move: Row, others: Collection[str], residual: float) -> str:
    """`others` are the types of the moves that it is matched with.

    Reversed is what a credit note settles, even if entries paid the rest; and a credit note that an entry settles.
    """
    if move["state"] != "posted":
        return "not_paid"
    if residual:
        return "partial" if others else "not_paid"
    kinds = set(others)
    refund = _REVERSED_BY.get(move["move_type"])
    if refund is not None:
        return "reversed" if refund in kinds and kinds <= {refund, "entry"} else "paid"
    return "reversed" if kinds == {"entry"} else "paid"
