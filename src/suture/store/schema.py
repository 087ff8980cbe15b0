"""Brings a database's schema up to date, and tells how far it is."""

from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

_MIGRATION_LOCK = 0x5747_5552  # any constant: two processes never migrate at once


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _engine(url: str) -> AsyncEngine:
    """It is asyncpg that reads the URL, as everywhere else: the same parameters hold, `sslmode` above all."""
    return create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url, timeout=10), poolclass=NullPool
    )


def _upgrade(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    command.upgrade(_config(connection), "head")


async def migrate(url: str) -> None:
    """Apply every migration that the database has not seen; safe to call from many processes at once."""
    engine = _engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade)
    await engine.dispose()


async def is_current(url: str) -> bool:
    """Whether the database's schema is this program's."""
    engine = _engine(url)
    async with engine.connect() as connection:
        found = await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())
    await engine.dispose()
    return found == ScriptDirectory.from_config(_config()).get_current_head()
