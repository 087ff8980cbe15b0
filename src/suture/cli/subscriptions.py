"""``suture subscriptions``: who gets events by webhook, and what became of them."""

from uuid import UUID

from cyclopts import App
from rich.markup import escape

from suture.cli.acting import Most, do, out, say, table, with_context
from suture.cli.trouble import UserError
from suture.commands import subscriptions
from suture.commands.table import OneSubscription, Redelivery

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
    say(do("subscriptions.redeliver", Redelivery(number=_id(subscription), event=_id(event)), reason))


@app.command
def enable(subscription: str, *, reason: str = "") -> None:
    """Let a subscriber have events again; what waited is delivered.

    Args:
        subscription: The subscription's id.
        reason: Why; it stands in the audit trail.
    """
    say(do("subscriptions.enable", OneSubscription(number=_id(subscription)), reason))


@app.command
def disable(subscription: str, *, reason: str) -> None:
    """Send a subscriber nothing more, until it is enabled.

    Args:
        subscription: The subscription's id.
        reason: Why; the subscriber sees it.
    """
    say(do("subscriptions.disable", OneSubscription(number=_id(subscription)), reason))
