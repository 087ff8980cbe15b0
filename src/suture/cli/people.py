"""``suture people``: who may sign in at the console, and with which roles."""

from typing import Annotated

from cyclopts import App, Parameter
from rich.markup import escape

from suture.access.roles import OF_PEOPLE, ROLES
from suture.acting.context import CommandContext
from suture.bootstrap.settings import current
from suture.cli.acting import console_address, do, me, out, say, table, with_context
from suture.commands import accounts
from suture.commands.accounts import ListedPerson
from suture.commands.table import AddPerson, Email, Named, SetRoles

app = App(
    name="people",
    help="Who may sign in at the console, and with which roles.",
    help_epilogue="Start with `suture people add you --role administrator`: it prints an invitation, a link by which a "
    "person chooses a password. `suture people roles` says what each role may do.",
)
Roles = Annotated[tuple[str, ...], Parameter(name="--role", negative="")]


@app.command
def add(
    name: str, *, role: Roles, full_name: str = "", email: str = "", provider_subject: str = "", reason: str = ""
) -> None:
    """Add a person, and print the invitation by which they choose a password. It is shown this once.

    Args:
        name: What they are called when they sign in and in the audit trail: small letters and digits.
        role: What they may do (several times, one each); `suture people roles` lists them.
        full_name: Their name as people write it.
        email: Where they can be written to.
        provider_subject: The id that the identity provider knows them by, where they sign in through one.
        reason: Why; it stands in the audit trail.
    """
    provider = f"{current()[0].oidc_issuer or ''}|{provider_subject}" if provider_subject else ""
    wanted = AddPerson(name=name, full_name=full_name, email=email, roles=role, provider=provider)
    _show(do("people.add", wanted, reason).secret)


@app.command
def invite(name: str, *, reason: str = "") -> None:
    """Invite a person anew, who lost password or second factor: both are void, and they are signed out everywhere.

    Args:
        name: The person.
        reason: Why; it stands in the audit trail.
    """
    _show(do("people.invite", Named(name=name), reason).secret)


def _show(token: str) -> None:
    out.print("The invitation, shown this once and valid for three days:", style="dim")
    out.print(f"{console_address()}/invitations/{token}", markup=False, soft_wrap=True)


@app.command(name="list")
def list_() -> None:
    """List people, their roles, and whether they are signed in."""

    async def read(context: CommandContext) -> list[ListedPerson]:
        return await accounts.listed(context, me())

    known = with_context(read)
    if not known:
        out.print("Nobody may sign in yet; suture people add makes an account.")
        return
    rows = (
        (one.person.name, escape(one.person.full_name), ", ".join(one.person.roles), _way(one), _seen(one))
        for one in known
    )
    table(("name", "called", "roles", "signs in by", "signed in"), rows)


def _way(one: ListedPerson) -> str:
    person = one.person
    if person.disabled_at is not None:
        return f"disabled {person.disabled_at:%Y-%m-%d}"
    ways = ["password"] if person.password else []
    ways += ["second factor"] if person.totp_on else []
    ways += ["identity provider"] if person.provider else []
    return ", ".join(ways) or "an invitation, not used yet"


def _seen(one: ListedPerson) -> str:
    if one.sessions is None:
        return "no"
    where = "" if one.sessions.count == 1 else f" in {one.sessions.count} places"
    return f"seen {one.sessions.seen_at:%Y-%m-%d %H:%M} UTC{where}"


@app.command(name="role")
def set_roles(name: str, *, role: Roles, reason: str = "") -> None:
    """Say anew what a person may do; it holds from their next click on.

    Args:
        name: The person.
        role: A role from now on (several times, one each).
        reason: Why; it stands in the audit trail.
    """
    say(do("people.roles", SetRoles(name=name, roles=role), reason))


@app.command
def email(name: str, address: str, *, reason: str = "") -> None:
    """Say anew where a person is written to: notifications go there.

    Args:
        name: The person.
        address: Their e-mail address; "" for none.
        reason: Why; it stands in the audit trail.
    """
    say(do("people.email", Email(name=name, address=address), reason))


@app.command
def disable(name: str, *, reason: str) -> None:
    """End what a person may, at once; they are signed out everywhere. What they did stays theirs.

    Args:
        name: The person.
        reason: Why; it stands in the audit trail.
    """
    say(do("people.disable", Named(name=name), reason))


@app.command
def enable(name: str, *, reason: str = "") -> None:
    """Let a person sign in again.

    Args:
        name: The person.
        reason: Why; it stands in the audit trail.
    """
    say(do("people.enable", Named(name=name), reason))


@app.command
def roles() -> None:
    """List the roles and what each may do."""
    table(
        ("role", "is for", "may"),
        (
            (name, ROLES[name].purpose, "everything" if ROLES[name].acts == ("*",) else ", ".join(ROLES[name].acts))
            for name in OF_PEOPLE
        ),
    )
