"""What a database of before holds is carried over: books by their roles, and no appointments that never were."""

import asyncpg
from alembic import command

from suture.store.database import Database
from suture.store.journeys import recent
from suture.store.schema import _config, _engine, migrate

BEFORE = """
DROP SCHEMA public CASCADE; CREATE SCHEMA public
"""
HELD = """
INSERT INTO holding (book, key, number, state, stands, counts, party, appointment, seen_at)
    VALUES ('odoo.invoice', 'a1', 'INV/1', 'posted', true, 1, '', 'a1', now()),
        ('billing.charge', 'a1', 'C1', 'captured', true, 1, '', 'a1', now());
INSERT INTO tally (book, day, facility, currency, count, amount, hash, read_at)
    VALUES ('odoo.payment', '2026-03-02', 'MAIN', 'USD', 1, 2, 3, now());
INSERT INTO discrepancy (rule, what, key, appointment, party, owner, repair, evidence, print, opened_at, seen_at,
        due_at)
    VALUES ('r', 'missing', 'a1', 'a1', '', 'finance', 'redo', '{"compared": {"odoo.invoice": []}}', 'p', now(), now(),
        now());
INSERT INTO journey (appointment, status, sequence, milestones, payments, updated_at)
    VALUES ('a1', 'booked', 1, '{"booked": "2026-03-02T09:00:00Z"}', '{}', now()),
        ('R1', '', 0, '{"exception": "2026-03-02T09:00:00Z"}', '{}', now()),
        ('told', '', 0, '{"exception": "2026-03-02T09:00:00Z"}', '{}', now());
INSERT INTO exception (id, code, outcome, reason, remedy, owner, subject, state, count, opened_at, last_at, due_at)
    VALUES (gen_random_uuid(), 'c', 'rejected', 'r', '', 'o', 'Appointment/told', 'open', 1, now(), now(), now())
"""


async def test_a_database_of_before_is_carried_over(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(BEFORE)
    await _to(database_url, "0012")
    await connection.execute(HELD)
    await migrate(database_url)
    books = {row["book"] for row in await connection.fetch("SELECT book FROM holding UNION SELECT book FROM tally")}
    evidence = await connection.fetchval("SELECT evidence::text FROM discrepancy")
    await connection.close()
    database = await Database.connect(database_url)
    async with database.connection() as reading:
        shown = {row.appointment for row in await recent(reading, 10)}
    await database.close()
    assert books == {"ledger.invoice", "ledger.payment", "billing.charge"}
    assert evidence == '{"compared": {"ledger.invoice": []}}'
    assert shown == {"a1", "told"}, "what a remittance waits for is no appointment"


async def _to(url: str, revision: str) -> None:
    engine = _engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(lambda of: command.upgrade(_config(of), revision))
    await engine.dispose()
