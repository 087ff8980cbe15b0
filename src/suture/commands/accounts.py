"""Accounts: who may sign in, with which roles; invitations, passwords, the second factor, and sessions."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from suture.access import passwords, totp
from suture.access.oidc import Identity
from suture.access.passwords import WeakPassword
from suture.access.roles import ADMINISTRATOR, OF_PEOPLE
from suture.access.tokens import digest, new_secret
from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.commands.guessing import take_try, was_right
from suture.store import people
from suture.store.database import Connection
from suture.store.people import Person, Seen, Session

SESSION_LASTS, IDLE_LASTS = timedelta(hours=12), timedelta(hours=1)
INVITATION_LASTS = timedelta(days=3)
_SEEN_EVERY = timedelta(minutes=1)
_NAME = re.compile(r"[a-z][a-z0-9._-]{1,39}")
_ADDRESS = re.compile(r"[!-?A-~]+@[!-?A-~]+")


class SignInRefused(NotPossible):
    """Name, password or code is wrong: which, is not said."""


class CodeWanted(NotPossible):
    """The password is right, and the code of the second factor is still to be given."""


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is signed in. `way` is how: by ``password`` or through a ``provider``."""

    name: str
    full_name: str
    roles: tuple[str, ...]
    way: str
    notice: str = ""
    expires_at: datetime

    def acting(self, reason: str = "") -> Actor:
        return Actor(self.name, reason, self.roles, signed_in=True)


class ListedPerson(msgspec.Struct, frozen=True):
    person: Person
    sessions: Seen | None


async def add(
    context: CommandContext,
    actor: Actor,
    name: str,
    *,
    full_name: str,
    email: str,
    roles: Sequence[str],
    provider: str = "",
) -> str:
    """A new person; answers the invitation by which they choose a password, shown this once. `provider` is how an
    identity provider knows them (issuer, ``|``, subject)."""
    if not _NAME.fullmatch(name):
        raise NotPossible("a name has 2 to 40 small letters, digits, dots, dashes or underscores, a letter first")
    known = _known(roles)
    async with context.database.transaction() as connection:
        now = await actor.sign(connection, context, "person.add", _subject(name), {"roles": known})
        made = await people.add(
            connection,
            name,
            full_name=full_name or name,
            email=email,
            roles=known,
            provider=provider or None,
            at=now,
            by=actor.name,
        )
        if not made:
            raise NotPossible(
                f"there is a person {name} already, or another is known so; `suture people list` shows all"
            )
        return await _invite(connection, name, now)


async def set_roles(context: CommandContext, actor: Actor, name: str, roles: Sequence[str]) -> None:
    """Say anew what a person may do; it holds from their next click on."""
    known = _known(roles)
    async with context.database.transaction() as connection:
        before = await _one(connection, name)
        await actor.sign(
            connection, context, "person.roles", _subject(name), {"from": sorted(before.roles), "to": known}
        )
        await people.set_roles(connection, name, known)
        await _keep_an_administrator(connection, before)


async def set_email(context: CommandContext, actor: Actor, name: str, address: str) -> None:
    """Say anew where a person is written to (empty: nowhere). An identity provider's word on it comes after."""
    if address and not _ADDRESS.fullmatch(address):
        raise NotPossible("that is no e-mail address: one has a name, @ and a domain, in ASCII and without spaces")
    async with context.database.transaction() as connection:
        await _one(connection, name)
        await actor.sign(connection, context, "person.email", _subject(name))
        await people.set_email(connection, name, address)


async def invite(context: CommandContext, actor: Actor, name: str) -> str:
    """Another invitation, for who lost password or second factor: both are void, and every session ends. Answers it."""
    async with context.database.transaction() as connection:
        await _one(connection, name)
        now = await actor.sign(connection, context, "person.invite", _subject(name))
        await people.set_password(connection, name, None)
        await people.set_factor(connection, name, None, on=False)
        await people.end_all(connection, name)
        await people.uninvite(connection, name)
        return await _invite(connection, name, now)


async def disable(context: CommandContext, actor: Actor, name: str) -> None:
    """End what a person may, at once: their sessions too. What they did stays theirs. Raises `NotPossible` for oneself,
    and for the last administrator."""
    if name == actor.name:
        raise NotPossible("you would lock yourself out: another administrator does that")
    async with context.database.transaction() as connection:
        now = await actor.sign(connection, context, "person.disable", _subject(name))
        before = await people.one(connection, name)
        if before is None or not await people.disable(connection, name, now):
            raise NotPossible(f"there is no person {name} who may sign in; `suture people list` shows all")
        await _keep_an_administrator(connection, before)
        await people.end_all(connection, name)
        await people.uninvite(connection, name)


async def enable(context: CommandContext, actor: Actor, name: str) -> None:
    async with context.database.transaction() as connection:
        await actor.sign(connection, context, "person.enable", _subject(name))
        if not await people.disable(connection, name, None):
            raise NotPossible(f"there is no person {name} who is disabled; `suture people list` shows all")


async def listed(context: CommandContext, actor: Actor) -> list[ListedPerson]:
    actor.check(context, "people.read")
    async with context.database.connection() as connection:
        seen = {one.person: one for one in await people.sessions(connection, context.clock.now())}
        return [ListedPerson(one, seen.get(one.name)) for one in await people.listed(connection)]


async def are_any(context: CommandContext) -> bool:
    """Whether anybody has an account."""
    async with context.database.connection() as connection:
        return await people.are_any(connection)


async def invited(context: CommandContext, token: str) -> str | None:
    """Whom an invitation is for; None where it ran out, or was used."""
    async with context.database.connection() as connection:
        return await people.invited(connection, digest(token), context.clock.now())


async def accept(context: CommandContext, token: str, password: str, address: str = "") -> str:
    """Choose a password by an invitation, and sign in; answers the session. Of any number at once one gets in."""
    name = await invited(context, token)
    hashed = await _hashed(context, password, name or "")
    async with context.database.transaction() as connection:
        name = await people.take_invitation(connection, digest(token), context.clock.now())
        if name is None:
            raise NotPossible("this invitation ran out or was used: ask an administrator for another")
        await people.uninvite(connection, name)
        await people.set_password(connection, name, hashed)
        await was_right(context, connection, name, address)
        await _note(context, connection, name, "person.password")
        return await _begin(context, connection, name, "password")


async def sign_in(context: CommandContext, name: str, password: str, address: str = "") -> str:
    """Sign in by password from an address; answers the session, a secret of the browser. Raises `SignInRefused`,
    `Locked`, and `CodeWanted` where the second factor's code is still to be given (`give_code`)."""
    await take_try(context, name, address)
    async with context.database.connection() as connection:
        person = await people.one(connection, name)
    right = await asyncio.to_thread(passwords.verify, password, person.password if person else None)
    if person is None or not right or person.disabled_at is not None:
        raise SignInRefused("name or password is wrong")
    if person.totp_on:
        raise CodeWanted("the code from your authenticator app, please")
    async with context.database.transaction() as connection:
        if passwords.is_outdated(person.password or ""):
            await people.set_password(connection, name, await asyncio.to_thread(passwords.hashed, password))
        await was_right(context, connection, name, address)
        return await _begin(context, connection, name, "password")


async def give_code(context: CommandContext, name: str, code: str, address: str = "") -> str:
    """The second step of a sign-in whose password was right just now; answers the session. Raises `SignInRefused` and
    `Locked`: codes are counted as passwords are."""
    await take_try(context, name, address)
    async with context.database.transaction() as connection:
        person = await people.one(connection, name)
        usable = person is not None and person.totp_on and person.disabled_at is None
        if person is not None and usable and await _uses(context, connection, person, code):
            await was_right(context, connection, name, address)
            return await _begin(context, connection, name, "password")
    raise SignInRefused("this code is wrong, or was used before: wait for the next")


async def sign_in_by_provider(context: CommandContext, issuer: str, identity: Identity) -> str:
    """Sign in whom an identity provider vouches for; answers the session. Who comes for the first time with a role is
    added. The roles are the provider's: where it tells none that there is, the person has none any more, and every
    session of theirs ends."""
    key = f"{issuer}|{identity.subject}"
    roles = [role for role in identity.roles if role in OF_PEOPLE]
    async with context.database.transaction() as connection:
        person = await people.of_provider(connection, key)
        if person is None:
            person = await _first_time(context, connection, key, identity, roles)
        elif sorted(person.roles) != sorted(roles):
            change = {"from": sorted(person.roles), "to": sorted(roles), "by": "identity provider"}
            await _note(context, connection, person.name, "person.roles", change)
        await people.told(connection, person.name, full_name=identity.full_name, email=identity.email, roles=roles)
        if not roles:
            await people.end_all(connection, person.name)
        session = None
        if roles and person.disabled_at is None:
            session = await _begin(context, connection, person.name, "provider")
    if person.disabled_at is not None:
        raise SignInRefused("this account is disabled: ask an administrator")
    if session is None:
        raise SignInRefused("the identity provider gives you no role here: ask an administrator for one")
    return session


async def visitor(context: CommandContext, token: str) -> Visitor | None:
    """Whose session this is; None where it ended."""
    now, key = context.clock.now(), digest(token)
    async with context.database.connection() as connection:
        found = await people.session(connection, key, now, now - IDLE_LASTS)
        if found is not None and now - found.seen_at > _SEEN_EVERY:
            await people.seen(connection, key, now)
    return None if found is None else _visitor(found)


async def tell(context: CommandContext, token: str, words: str) -> None:
    """Keep what is to be said on the next page that a session asks for; empty: it was said."""
    async with context.database.connection() as connection:
        await people.notice(connection, digest(token), words)


async def sign_out(context: CommandContext, token: str) -> None:
    async with context.database.connection() as connection:
        await people.end(connection, digest(token))


async def change_password(
    context: CommandContext, name: str, old: str, new: str, *, keep: str, address: str = ""
) -> None:
    """Change one's own password; every other session ends, `keep` is this one."""
    await _check_present(context, name, old, address, "the present password is wrong")
    hashed = await _hashed(context, new, name)
    async with context.database.transaction() as connection:
        await was_right(context, connection, name, address)
        await people.set_password(connection, name, hashed)
        await people.end_all(connection, name, digest(keep))
        await _note(context, connection, name, "person.password")


async def begin_factor(context: CommandContext, name: str) -> str:
    """A secret for a second factor, to be confirmed by a code; answers it in base 32."""
    secret = totp.new_secret()
    async with context.database.transaction() as connection:
        if (await _one(connection, name)).totp_on:
            raise NotPossible("there is a second factor already: end it first")
        await people.set_factor(connection, name, context.vault.keep(secret.encode(), _binding(name)), on=False)
    return secret


async def confirm_factor(context: CommandContext, name: str, code: str, address: str = "") -> None:
    """From now on a code is asked for at each sign-in."""
    await take_try(context, name, address)
    async with context.database.transaction() as connection:
        person = await _one(connection, name)
        if person.totp is None or not await _uses(context, connection, person, code):
            raise NotPossible("this code is wrong: scan the picture again, and mind that the device's clock is right")
        await people.set_factor(connection, name, person.totp, on=True)
        await was_right(context, connection, name, address)
        await _note(context, connection, name, "person.factor")


async def end_factor(context: CommandContext, name: str, password: str, address: str = "") -> None:
    await _check_present(context, name, password, address, "the password is wrong")
    async with context.database.transaction() as connection:
        await was_right(context, connection, name, address)
        await people.set_factor(connection, name, None, on=False)
        await _note(context, connection, name, "person.factor_ended")


async def _check_present(context: CommandContext, name: str, password: str, address: str, wrong: str) -> None:
    """Somebody who is signed in knows their password: a session that was left open must not serve to guess it."""
    await take_try(context, name, address)
    async with context.database.connection() as connection:
        person = await _one(connection, name)
    if not await asyncio.to_thread(passwords.verify, password, person.password):
        raise NotPossible(wrong)


async def me(context: CommandContext, name: str) -> Person:
    async with context.database.connection() as connection:
        return await _one(connection, name)


async def names(context: CommandContext) -> list[str]:
    """Everybody to whom something can be assigned."""
    async with context.database.connection() as connection:
        return [one.name for one in await people.listed(connection) if one.disabled_at is None]


async def holders(context: CommandContext) -> dict[str, list[str]]:
    """Who may sign in, by role."""
    async with context.database.connection() as connection:
        known = [one for one in await people.listed(connection) if one.disabled_at is None]
    return {role: [one.name for one in known if role in one.roles] for role in OF_PEOPLE}


async def _first_time(
    context: CommandContext, connection: Connection, key: str, identity: Identity, roles: list[str]
) -> Person:
    name = re.sub(r"[^a-z0-9._-]", "-", identity.name.partition("@")[0].lower()).strip("-._")[:40]
    if not roles:
        raise SignInRefused("you have no role here yet: ask an administrator for one")
    if not _NAME.fullmatch(name):
        raise SignInRefused("the identity provider calls you by no name that can be used: ask an administrator")
    made = await people.add(
        connection,
        name,
        full_name=identity.full_name,
        email=identity.email,
        roles=roles,
        provider=key,
        at=context.clock.now(),
        by="identity provider",
    )
    if not made:
        raise SignInRefused("somebody else is called so here: ask an administrator to link your account")
    await _note(context, connection, name, "person.add", {"roles": roles, "by": "identity provider"})
    return await _one(connection, name)


async def _begin(context: CommandContext, connection: Connection, name: str, way: str) -> str:
    token, now = new_secret(), context.clock.now()
    await people.begin(connection, name, digest(token), way, at=now, expires=now + SESSION_LASTS)
    await _note(context, connection, name, "session.begin", {"way": way})
    return token


async def _uses(context: CommandContext, connection: Connection, person: Person, code: str) -> bool:
    secret = context.vault.kept(person.totp or b"", _binding(person.name)).decode()
    step = totp.step_of(secret, code.replace(" ", ""), context.clock.now())
    return step is not None and await people.use_step(connection, person.name, step)


async def _invite(connection: Connection, name: str, now: datetime) -> str:
    token = new_secret()
    await people.invite(connection, name, digest(token), now + INVITATION_LASTS)
    return token


async def _hashed(context: CommandContext, password: str, name: str) -> str:
    organisation = context.catalogue.organisation
    try:
        passwords.check(password, name, organisation.name, organisation.id)
    except WeakPassword as error:
        raise NotPossible(str(error)) from error
    return await asyncio.to_thread(passwords.hashed, password)


async def _note(context: CommandContext, connection: Connection, name: str, action: str, detail: object = None) -> None:
    """What people do to their own account: no role is needed for it."""
    await context.trail.record(
        connection, at=context.clock.now(), actor=name, action=action, subject=_subject(name), detail=detail
    )


async def _keep_an_administrator(connection: Connection, before: Person) -> None:
    """Raises `NotPossible` where the last administrator ceased to be one. The trail is locked by now: two who do this
    to each other do it one after the other."""
    if ADMINISTRATOR not in before.roles or before.disabled_at is not None:
        return
    left = [one for one in await people.listed(connection) if ADMINISTRATOR in one.roles and one.disabled_at is None]
    if not left:
        raise NotPossible(f"{before.name} is the last administrator: make another person one first")


async def _one(connection: Connection, name: str) -> Person:
    found = await people.one(connection, name)
    if found is None:
        raise NotPossible(f"there is no person {name}; `suture people list` shows all")
    return found


def _known(roles: Iterable[str]) -> list[str]:
    told = sorted(set(roles))
    if not told or set(told) - set(OF_PEOPLE):
        unknown = ", ".join(sorted(set(told) - set(OF_PEOPLE))) or "named"
        raise NotPossible(f"there is no role {unknown}; there are {', '.join(OF_PEOPLE)}")
    return told


def _visitor(found: Session) -> Visitor:
    return Visitor(
        name=found.person,
        full_name=found.full_name,
        roles=tuple(found.roles),
        way=found.way,
        notice=found.notice,
        expires_at=found.expires_at,
    )


def _subject(name: str) -> str:
    return f"Person/{name}"


def _binding(name: str) -> str:
    return f"totp:{name}"
