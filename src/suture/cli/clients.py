"""``suture clients``: who may call the API, and with which keys."""

from typing import Annotated

from cyclopts import App, Parameter, validators
from rich.markup import escape

from suture.acting.context import CommandContext
from suture.cli.acting import do, out, say, table, with_context
from suture.commands import clients
from suture.commands.clients import PER_MINUTE, SCOPES
from suture.commands.table import AddClient, ClientKey, NewKey, Rescope
from suture.store.clients import Client, Key

app = App(
    name="clients",
    help="Who may call the API: clients, their scopes and keys.",
    help_epilogue="To rotate a key: `key` gives another beside it; hand it over; `revoke --key` ends the old one.",
)
Scopes = Annotated[tuple[str, ...], Parameter(name="--scope", negative="")]
PerMinute = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=1_000_000))]
Days = Annotated[int | None, Parameter(validator=validators.Number(gte=1, lte=3650))]


@app.command
def add(
    name: str,
    *,
    purpose: str,
    scope: Scopes,
    per_minute: PerMinute = PER_MINUTE,
    days: Days = 365,
    reason: str = "",
) -> None:
    """Add a client, and print its first key. The key is shown this once.

    Args:
        name: What it is called, in the audit trail, too.
        purpose: What it is for.
        scope: What it may do (several times, one each); `suture clients scopes` lists them.
        per_minute: How many calls a minute it may make.
        days: For how many days its key is valid.
        reason: Why; it stands in the audit trail.
    """
    wanted = AddClient(name=name, purpose=purpose, scopes=scope, per_minute=per_minute, days=days)
    _show(do("clients.add", wanted, reason).secret)


@app.command
def key(name: str, *, days: Days = 365, reason: str = "") -> None:
    """Give a client another key, valid beside those it has.

    Args:
        name: The client.
        days: For how many days it is valid.
        reason: Why; it stands in the audit trail.
    """
    _show(do("clients.key", NewKey(name=name, days=days), reason).secret)


def _show(token: str) -> None:
    out.print("The key, shown this once:", style="dim")
    out.print(token, markup=False)


@app.command(name="list")
def list_() -> None:
    """List clients and their keys."""

    async def read(context: CommandContext) -> tuple[list[Client], list[Key]]:
        return await clients.listed(context)

    known, keys = with_context(read)
    if not known:
        out.print("There is no client; suture clients add makes one.")
        return
    rows = (
        (
            one.name,
            escape(one.purpose),
            ", ".join(one.scopes),
            str(one.per_minute),
            "revoked" if one.revoked_at else ", ".join(_key(k) for k in keys if k.client == one.name) or "no key",
        )
        for one in known
    )
    table(("client", "purpose", "scopes", "calls a minute", "keys"), rows)


def _key(one: Key) -> str:
    if one.revoked_at:
        return f"{one.prefix} (revoked)"
    until = f" until {one.expires_at:%Y-%m-%d}" if one.expires_at else ""
    used = f", used {one.used_at:%Y-%m-%d}" if one.used_at else ", never used"
    return f"{one.prefix}{until}{used}"


@app.command(name="scope")
def rescope(name: str, *, scope: Scopes, per_minute: PerMinute = PER_MINUTE, reason: str = "") -> None:
    """Say anew what a client may do.

    Args:
        name: The client.
        scope: What it may do from now on (several times, one each).
        per_minute: How many calls a minute it may make.
        reason: Why; it stands in the audit trail.
    """
    say(do("clients.scopes", Rescope(name=name, scopes=scope, per_minute=per_minute), reason))


@app.command
def revoke(name: str, *, key: str = "", reason: str) -> None:
    """End a client, or one of its keys, at once.

    Args:
        name: The client.
        key: The key, by its prefix; without one the whole client ends.
        reason: Why; it stands in the audit trail.
    """
    say(do("clients.revoke", ClientKey(name=name, key=key), reason))


@app.command
def scopes() -> None:
    """List what a client may be allowed to do."""
    table(("scope", "allows to"), SCOPES.items())
