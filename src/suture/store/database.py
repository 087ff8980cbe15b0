"""A pool of connections, and SQL that has names.

Statements live in `sql/*.sql`, each under ``-- name: some_name``; `sql("file")` gives them by that name.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import asyncpg

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_CLOSE_SECONDS = 5.0
_FOLDER = Path(__file__).with_name("sql")

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
"""Any asyncpg connection, pooled or not."""

CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
)
"""What asyncpg raises when the database is away; the work was rolled back or its outcome can be looked up."""

OUT_OF_ROOM = (
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.DiskFullError,
    asyncpg.TooManyConnectionsError,
    asyncpg.OutOfMemoryError,
)
"""What asyncpg raises when the database can't take more for now."""

DATABASE_AWAY = CONNECTION_LOST + OUT_OF_ROOM
"""Either: nothing is wrong with the work, and it is tried again later."""


@cache
def sql(name: str, folder: Path = _FOLDER) -> dict[str, str]:
    """The statements of ``sql/<name>.sql`` by their names, or of that file in another folder."""
    parts = _NAME.split((folder / f"{name}.sql").read_text(encoding="utf-8"))
    return dict(zip(parts[1::2], map(str.strip, parts[2::2]), strict=True))


_AFTER_COMMIT: dict[int, list[Callable[[], None]]] = {}


def after_commit(connection: Connection, act: Callable[[], None]) -> None:
    """Have `act` called when what is under way on a connection of `Database.transaction` was committed, and never where
    it was not. On any other connection, nothing comes of it."""
    _AFTER_COMMIT.get(id(connection), []).append(act)


async def _keep_session(_: Connection) -> None:
    """asyncpg resets a session whenever it goes back to the pool, one more round trip; ours hold nothing to reset."""


class Database:
    """One Postgres, through a pool."""

    def __init__(self, url: str, pool: asyncpg.Pool) -> None:
        self.url = url
        self._pool = pool

    @classmethod
    async def connect(cls, url: str, *, most: int = 8, name: str = "suture", patience: float = 30.0) -> "Database":
        """Open a pool of up to `most` connections. Raises what asyncpg raises when the server isn't there.

        A transaction that stands still for `patience` seconds is ended by the server, and a peer that is gone is found
        out: a worker that hangs, or whose machine is lost, keeps no row locked.
        """
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=most,
            timeout=10,
            command_timeout=60,
            server_settings={
                "application_name": name,
                "idle_in_transaction_session_timeout": f"{max(int(patience * 1000), 1000)}",
                "tcp_keepalives_idle": "15",
                "tcp_keepalives_interval": "5",
                "tcp_keepalives_count": "3",
            },
            reset=_keep_session,
        )
        return cls(url, pool)

    async def close(self) -> None:
        """Close the pool; what doesn't end within a moment is cut off (its transaction is rolled back)."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with self._pool.acquire() as connection:
            try:
                yield connection
            except asyncpg.InternalClientError:
                connection.terminate()  # broken off in the midst of an operation: nobody may use it again
                raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self.connection() as connection:
            acts = _AFTER_COMMIT[id(connection)] = []
            try:
                async with connection.transaction():
                    yield connection
            finally:
                del _AFTER_COMMIT[id(connection)]
            for act in acts:
                act()
