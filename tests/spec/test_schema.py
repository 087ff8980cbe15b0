"""The database's schema and the program agree on which version they are."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from suture.store import database as database_module
from suture.store.database import CONNECTION_LOST, Database, sql
from suture.store.schema import _config, is_current, migrate
from suture.store.version import CURRENT, SchemaOutdated, check_schema

STATEMENTS = sorted(path.stem for path in Path(database_module.__file__).with_name("sql").glob("*.sql"))


def test_the_program_needs_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(_config()).get_current_head() == CURRENT


async def test_a_migrated_database_is_current(database_url: str, database: Database) -> None:
    assert await is_current(database_url)
    await check_schema(database)


async def test_migrating_again_and_at_once_changes_nothing(database_url: str) -> None:
    await asyncio.gather(*(migrate(database_url) for _ in range(3)))
    assert await is_current(database_url)


async def test_an_empty_database_is_not_current_and_several_may_migrate_it_at_once(postgres_url: str) -> None:
    server = postgres_url.rpartition("/")[0]
    admin = await asyncpg.connect(f"{server}/postgres")
    try:
        await admin.execute("CREATE DATABASE empty_one")
        url = f"{server}/empty_one"
        assert not await is_current(url)
        await asyncio.gather(*(migrate(url) for _ in range(3)))
        assert await is_current(url)
        await admin.execute("DROP DATABASE empty_one")
    finally:
        await admin.close()


@pytest.mark.parametrize("statement", ["UPDATE alembic_version SET version_num = '0000'", "DROP TABLE alembic_version"])
async def test_another_schema_is_refused_with_what_to_do(database_url: str, database: Database, statement: str) -> None:
    async with database.connection() as connection:
        await connection.execute(statement)
    assert not await is_current(database_url)
    with pytest.raises(SchemaOutdated, match=CURRENT):
        await check_schema(database)


async def test_a_connection_broken_off_in_the_midst_is_nobodys_to_use_again(database: Database) -> None:
    borrowed = []

    async def break_off() -> None:
        async with database.connection() as connection:
            borrowed.append(connection._con)
            raise asyncpg.InternalClientError("another operation is in progress")

    with pytest.raises(CONNECTION_LOST):
        await break_off()
    (broken,) = borrowed
    assert broken.is_closed()
    async with database.connection() as fresh:
        assert await fresh.fetchval("SELECT 1") == 1


@pytest.mark.parametrize("file", STATEMENTS)
async def test_every_named_statement_fits_the_schema(database: Database, file: str) -> None:
    async with database.transaction() as connection:
        for temporary in ("stage", "scope", "scoped"):
            await connection.execute(sql("ledger_snapshot")[temporary])
        for name, statement in sql(file).items():
            assert name.isidentifier()
            await connection.prepare(statement)
