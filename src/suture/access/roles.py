"""Who may do what: roles, and the acts of each, by the name that the audit trail gives them."""

from collections.abc import Iterable

import msgspec


class Role(msgspec.Struct, frozen=True):
    """What a role is for, and what it may do; `acts` of ``("*",)`` is everything."""

    purpose: str
    acts: tuple[str, ...]

    def may(self, act: str) -> bool:
        return self.acts == ("*",) or act in self.acts


_QUEUE = (
    *("exception.assign", "exception.comment", "exception.discard", "delivery.replay"),
    *("process.resume", "process.cancel", "process.compensate", "process.decide"),
)
_SIDES = ("reconciliation.run", "discrepancy.repair", "process.redo")
_READING = ("payload.read", "patient.read")
_CODES = ("codes.correct", "codes.roll_back")
_TAKING = ("table.export",)
_DECIDING = ("approval.ask", "approval.approve", "approval.refuse")
_SUBSCRIPTIONS = (
    *("subscription.add", "subscription.remove", "subscription.rotate", "subscription.redeliver"),
    *("subscription.enable", "subscription.disable"),
)

ROLES: dict[str, Role] = {
    "operations": Role(
        "works the exception queue, controls processes, repairs differences", (*_QUEUE, *_SIDES, *_DECIDING, *_TAKING)
    ),
    "finance": Role(
        "decides on differences, books remittances, closes the month",
        (
            *_QUEUE,
            *_SIDES,
            *_DECIDING,
            *_TAKING,
            *("discrepancy.accept", "remittance.book", "visit.bill_patient", "ledger.forget"),
            *("period.freeze", "period.sign", "period.reopen"),
        ),
    ),
    "steward": Role(
        "maintains code tables and corrects deliveries; may read patient data for that",
        (
            *_QUEUE,
            *_READING,
            *_CODES,
            *_DECIDING,
            *_TAKING,
            *("payload.correct", "process.correct", "visit.bill_patient"),
        ),
    ),
    "engineer": Role(
        "connects systems: interfaces, code tables, processes, subscriptions",
        (
            *_QUEUE,
            *_SIDES,
            *_CODES,
            *_DECIDING,
            *_TAKING,
            *_SUBSCRIPTIONS,
            *("interface.pause", "interface.resume", "ledger.forget"),
        ),
    ),
    "auditor": Role(
        "reads everything including the audit trail, and changes nothing",
        ("audit.read", "people.read", *_READING, *_TAKING),
    ),
    "administrator": Role("grants access to people and clients, and may do everything else", ("*",)),
    "client": Role("another system, within the scopes of its key", ("patient.read", "visit.bill", *_SUBSCRIPTIONS)),
}
"""By name. A person may have several; ``client`` is no person's."""

ADMINISTRATOR, CLIENT = "administrator", "client"
OF_PEOPLE = tuple(name for name in ROLES if name != CLIENT)


def may(roles: Iterable[str], act: str) -> bool:
    """Whether any of these roles may do this. A role that there is no more may nothing."""
    return any(ROLES[name].may(act) for name in roles if name in ROLES)


def who_may(act: str) -> list[str]:
    """The roles of people that may do this."""
    return [name for name in OF_PEOPLE if ROLES[name].may(act)]
