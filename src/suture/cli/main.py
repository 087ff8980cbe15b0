"""``suture``: one command for engineers and operators. `--help` at any level teaches the rest."""

import sys
from importlib.metadata import version

from cyclopts import App
from rich.console import Console

from suture.acting.actor import NotPossible
from suture.bootstrap.settings import SettingsError
from suture.catalogue import CatalogueError
from suture.catalogue.registry import ConnectorBroken
from suture.cli.joining import joined_commands
from suture.cli.trouble import UserError
from suture.core.failure import Failure
from suture.store.database import CONNECTION_LOST
from suture.store.places import EmbeddedFailed
from suture.store.sealing import SealBroken
from suture.store.version import SchemaOutdated

app = App(
    name="suture",
    version=version("suture"),
    help="Stitches scheduling, billing and the ledger together: every completed appointment becomes a charge, an "
    "invoice "
    "and a posted, paid ledger entry, exactly once, and provably so.",
)
for _name, _where, _help in (
    ("up", "roles:up", "Run the whole platform here; Ctrl-C stops it."),
    ("gateway", "roles:gateway", "Run the gateway alone: takes webhooks and commits them."),
    ("worker", "roles:worker", "Run one worker; any number may share a database."),
    ("console", "roles:console", "Run the web page alone."),
    ("init", "setup:init", "Write a commented catalogue to start from."),
    ("check", "setup:check", "Validate a catalogue; problems are named by file and line."),
    ("prepare", "setup:prepare", "Make what the catalogue names stand in the ledger."),
    ("migrate", "setup:migrate", "Bring the database's schema up to date."),
    ("journey", "journey:journey", "Show one appointment's whole journey."),
    ("exceptions", "exceptions:app", "What waits for a person: list, show, retry, edit, assign, discard."),
    ("remittance", "ledger:remittance", "Book a payer's remittance: one deposit, any number of claims."),
    ("reconcile", "reconcile:app", "Is anything missing, on either side: run, list, show, repair, accept."),
    ("close", "close:app", "Close a month: start, sign, status, report, reopen."),
    ("people", "people:app", "Who may sign in at the console: add, invite, role, email, disable."),
    ("clients", "clients:app", "Who may call the API: add, key, list, scope, revoke."),
    ("subscriptions", "subscriptions:app", "Who gets events by webhook: list, deliveries, redeliver, enable, disable."),
    ("notifications", "notifications:app", "What people are told by e-mail and webhook: list, test."),
    ("api", "documents:app", "The API's documents: openapi, asyncapi."),
    ("ledger", "ledger:app", "What Suture knows of its records in the ledger: rewrite."),
    ("processes", "processes:app", "Business processes: list, show, resume, cancel, compensate, decide."),
    ("replay", "replay:replay", "Read deliveries again, after a look at what would come of it."),
    ("interfaces", "interfaces:interfaces", "List every interface and whether it flows."),
    ("slo", "objectives:slo", "What each interface is held to, what it achieves, and how fast its budget burns."),
    ("pause", "interfaces:pause", "Hold an interface up; nothing is lost meanwhile."),
    ("resume", "interfaces:resume", "Let an interface flow again."),
    ("runbook", "reading:runbook", "Say what to do about a class of exceptions."),
    ("audit", "reading:audit", "Show what people did."),
    ("doctor", "doctor:doctor", "Look at everything Suture needs and say what is missing."),
):
    # The list of commands needs a line for each without importing them; asked for one, its own docstring says more.
    app.command(f"suture.cli.{_where}", name=_name, help=None if sys.argv[1:2] == [_name] else _help)

app.command("suture.cli.ledger:first_called", name="odoo", show=False)  # as `ledger` was called first

_LAB = ("demo", "chaos")
"""Our own commands that a distribution of their own adds: where it is not installed, they say so."""

_EXPECTED = (
    ConnectorBroken,
    UserError,
    NotPossible,
    CatalogueError,
    SettingsError,
    EmbeddedFailed,
    SealBroken,
    SchemaOutdated,
    Failure,
    *CONNECTION_LOST,
)


def main() -> None:
    """Run the command line. What a user can cause ends with one plain message, never a traceback."""
    errors = Console(stderr=True, highlight=False)
    try:
        words = sys.argv[1:]
        _join(next(iter(words), ""))
        app(words)
    except _EXPECTED as error:
        errors.print("[bold red]suture:[/]", end=" ")
        errors.print(str(error) or type(error).__name__, markup=False)
        remedy = getattr(error, "remedy", "")
        if remedy:
            errors.print(remedy, markup=False)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _join(called: str) -> None:
    """Add other packages' commands, which take no name that is ours; who calls one of ours needs none of theirs.
    Raises `UserError` where the command that is called comes with the lab, and that isn't installed."""
    if called in app and not called.startswith("-"):
        return
    joined = joined_commands()
    if called in _LAB and called not in joined:
        raise UserError(
            f"`suture {called}` comes with suture-lab, which isn't installed here: `pip install ./lab` in Suture's "
            "repository installs it."
        )
    for name, command in joined.items():
        if name not in app:
            app.command(command.where, name=name, help=None if name == called else command.help)
    if "demo" in joined:
        app.help_epilogue = "New here? `suture demo` shows a clinic's day from booking to paid invoices."
