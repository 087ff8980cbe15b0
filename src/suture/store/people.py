"""People who sign in, their invitations and sessions. Of what they know or hold only hashes and digests are kept."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from asyncpg import Record

from suture.store.database import Connection, sql

_SQL = sql("people")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A person and how they may sign in. `totp` is the second factor's sealed secret, asked for once it is `totp_on`;
    `provider` is whom an identity provider knows them as."""

    name: str
    full_name: str
    email: str
    roles: list[str]
    password: str | None
    totp: bytes | None
    totp_on: bool
    totp_step: int
    provider: str | None
    created_at: datetime
    created_by: str
    disabled_at: datetime | None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in that lasts. `way` is ``password`` or ``provider``; `notice` is what is to be said on the next page."""

    person: str
    full_name: str
    roles: list[str]
    way: str
    notice: str
    started_at: datetime
    seen_at: datetime
    expires_at: datetime


class Seen(msgspec.Struct, frozen=True):
    """In how many places a person is signed in, and when they were seen last."""

    person: str
    count: int
    seen_at: datetime


async def add(
    connection: Connection,
    name: str,
    *,
    full_name: str,
    email: str,
    roles: Sequence[str],
    provider: str | None,
    at: datetime,
    by: str,
) -> bool:
    """False where somebody is called so, or known to the provider so, already."""
    made = await connection.fetchval(_SQL["add"], name, full_name, email, list(roles), provider, at, by)
    return made is not None


async def one(connection: Connection, name: str) -> Person | None:
    return _person(await connection.fetchrow(_SQL["one"], name))


async def of_provider(connection: Connection, provider: str) -> Person | None:
    return _person(await connection.fetchrow(_SQL["of_provider"], provider))


async def listed(connection: Connection) -> list[Person]:
    return [Person(**dict(row)) for row in await connection.fetch(_SQL["list"])]


async def are_any(connection: Connection) -> bool:
    """Whether anybody has an account."""
    found: bool = await connection.fetchval(_SQL["any"])
    return found


async def set_roles(connection: Connection, name: str, roles: Sequence[str]) -> bool:
    return await connection.fetchval(_SQL["roles"], name, list(roles)) is not None


async def set_email(connection: Connection, name: str, email: str) -> bool:
    return await connection.fetchval(_SQL["email"], name, email) is not None


async def told(connection: Connection, name: str, *, full_name: str, email: str, roles: Sequence[str]) -> None:
    """What an identity provider tells of a person at each sign-in."""
    await connection.execute(_SQL["told"], name, full_name, email, list(roles))


async def link(connection: Connection, name: str, provider: str) -> bool:
    return await connection.fetchval(_SQL["link"], name, provider) is not None


async def disable(connection: Connection, name: str, at: datetime | None) -> bool:
    """Disable (None: enable again); False where that is so already."""
    return await connection.fetchval(_SQL["disable"], name, at) is not None


async def set_password(connection: Connection, name: str, hashed: str | None) -> None:
    await connection.execute(_SQL["password"], name, hashed)


async def use_step(connection: Connection, name: str, step: int) -> bool:
    """Use the code of a time step; False where it, or a later one, was used."""
    return await connection.fetchval(_SQL["use_step"], name, step) is not None


async def set_factor(connection: Connection, name: str, totp: bytes | None, *, on: bool) -> None:
    await connection.execute(_SQL["factor"], name, totp, on)


async def invite(connection: Connection, name: str, digest: bytes, expires: datetime) -> None:
    await connection.execute(_SQL["invite"], digest, name, expires)


async def invited(connection: Connection, digest: bytes, now: datetime) -> str | None:
    """Whom an invitation is for."""
    name: str | None = await connection.fetchval(_SQL["invited"], digest, now)
    return name


async def take_invitation(connection: Connection, digest: bytes, now: datetime) -> str | None:
    """Use an invitation up; answers whom it was for, None where it ran out or was used."""
    name: str | None = await connection.fetchval(_SQL["take_invitation"], digest, now)
    return name


async def uninvite(connection: Connection, name: str) -> None:
    """End every invitation of a person."""
    await connection.execute(_SQL["uninvite"], name)


async def begin(connection: Connection, name: str, digest: bytes, way: str, *, at: datetime, expires: datetime) -> None:
    """Begin a session; those that ran out are cleared away."""
    await connection.execute(_SQL["expired"], at)
    await connection.execute(_SQL["begin"], digest, name, way, at, expires)


async def session(connection: Connection, digest: bytes, now: datetime, idle_since: datetime) -> Session | None:
    """A session that has neither run out nor lain idle since a time, of a person who may sign in."""
    row = await connection.fetchrow(_SQL["session"], digest, now, idle_since)
    return None if row is None else Session(**dict(row))


async def seen(connection: Connection, digest: bytes, at: datetime) -> None:
    await connection.execute(_SQL["seen"], digest, at)


async def notice(connection: Connection, digest: bytes, words: str) -> None:
    """Keep what is to be said on the session's next page."""
    await connection.execute(_SQL["notice"], digest, words)


async def end(connection: Connection, digest: bytes) -> None:
    await connection.execute(_SQL["end"], digest)


async def end_all(connection: Connection, name: str, besides: bytes = b"") -> None:
    """End every session of a person, but for one."""
    await connection.execute(_SQL["end_all"], name, besides)


async def sessions(connection: Connection, now: datetime) -> list[Seen]:
    return [Seen(**dict(row)) for row in await connection.fetch(_SQL["sessions"], now)]


def _person(row: Record | None) -> Person | None:
    return None if row is None else Person(**dict(row))
