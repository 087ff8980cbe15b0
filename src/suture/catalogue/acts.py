"""The acts of people and clients that change something or take something away, as roles, `four_eyes` and the trail call
them. Looking at one thing is not one of these, nor is asking for a second person and being it."""

from typing import Literal, get_args

Act = Literal[
    "client.add",
    "client.key",
    "client.revoke",
    "client.scopes",
    "codes.correct",
    "codes.roll_back",
    "delivery.replay",
    "discrepancy.accept",
    "discrepancy.repair",
    "exception.assign",
    "exception.comment",
    "exception.discard",
    "interface.pause",
    "interface.resume",
    "ledger.forget",
    "payload.correct",
    "period.freeze",
    "period.reopen",
    "period.sign",
    "person.add",
    "person.disable",
    "person.email",
    "person.enable",
    "person.invite",
    "person.roles",
    "process.cancel",
    "process.compensate",
    "process.correct",
    "process.decide",
    "process.redo",
    "process.resume",
    "reconciliation.run",
    "remittance.book",
    "subscription.add",
    "subscription.disable",
    "subscription.enable",
    "subscription.redeliver",
    "subscription.remove",
    "subscription.rotate",
    "table.export",
    "visit.bill",
    "visit.bill_patient",
]
"""The one list of them."""
ACTS: tuple[Act, ...] = get_args(Act)

UNASKED: frozenset[str] = frozenset(
    {
        *("client.scopes", "person.email", "remittance.book", "table.export", "visit.bill"),
        *("subscription.add", "subscription.remove", "subscription.rotate", "subscription.redeliver"),
        *("subscription.enable", "subscription.disable"),
    }
)
"""Acts that no command of the console does, so that nobody can ask for them there: under four eyes they are barred."""
