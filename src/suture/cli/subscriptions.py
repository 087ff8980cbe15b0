"""``suture subscriptions``: who gets events by webhook, and what became of them."""

from uuid import UUID

from cyclopts import App
from rich.markup import escape

from suture.cli.acting import Most, me, out, table, with_context
from suture.cli.trouble import UserError
from suture.commands import subscriptions

app = App(name="subscriptions", help="Who gets events by webhook. Clients subscribe through the API.")


def _id(told: str) -> UUID:
    try:
        return UUID(told)
    except ValueError as error:
        raise UserError(f"{told!r} is no subscription's id; `suture subscriptions list` shows them") from error


@app.command(name="list")
def list_() -> None:
    """List subscriptions."""
    found = with_context(subscriptions.listed)
    if not found:
        out.print("Nobody subscribed.")
        return
    rows = (
        (str(one.id), one.client, escape(one.url), one.state, escape(one.reason) or "-", ", ".join(one.types) or "all")
        for one in found
    )
    table(("id", "client", "to", "state", "why", "types"), rows)


@app.command
def deliveries(subscription: str, *, state: str = "", most: Most = 50) -> None:
    """List what became of the events for a subscriber, the newest first.

    Args:
        subscription: Its id in the list.
        state: Only those in this state: waiting, delivered, given_up.
        most: How many at most.
    """
    found = with_context(lambda context: subscriptions.deliveries(context, _id(subscription), state, most))
    if not found:
        out.print("There is none.")
        return
    rows = (
        (str(one.event), one.type, one.state, str(one.attempts), escape(one.answer) or "-", f"{one.created_at:%F %T}")
        for one in found
    )
    table(("event", "type", "state", "tries", "answer", "recorded (UTC)"), rows)


@app.command
def redeliver(subscription: str, event: str, *, reason: str = "") -> None:
    """Have an event delivered again.

    Args:
        subscription: The subscription's id.
        event: The event's id, as `deliveries` lists it.
        reason: Why; it stands in the audit trail.
    """
    with_context(lambda context: subscriptions.redeliver(context, me(reason), _id(subscription), _id(event)))
    out.print("It is delivered again.")


@app.command
def enable(subscription: str, *, reason: str = "") -> None:
    """Let a subscriber have events again; what waited is delivered.

    Args:
        subscription: The subscription's id.
        reason: Why; it stands in the audit trail.
    """
    _switch(subscription, reason, enabled=True)


@app.command
def disable(subscription: str, *, reason: str) -> None:
    """Send a subscriber nothing more, until it is enabled.

    Args:
        subscription: The subscription's id.
        reason: Why; the subscriber sees it.
    """
    _switch(subscription, reason, enabled=False)


def _switch(subscription: str, reason: str, *, enabled: bool) -> None:
    number = _id(subscription)
    with_context(lambda context: subscriptions.one(context, number))
    with_context(lambda context: subscriptions.switch(context, me(reason), number, enabled=enabled))
    out.print(f"Subscription {number} is {'enabled' if enabled else 'disabled'}.")
