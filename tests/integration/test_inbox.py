"""The inbox on a real Postgres: what was accepted is committed, once, under the id that its sender gave it."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest

from suture.store import delivery_queue, inbox
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.inbox import DeliveryVerdict, Inbox, InboxFull, Receipt, receipt_of
from suture.store.sealing import MasterKey, SealBroken, Sealed

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
NEW, KNOWN, CONFLICT = DeliveryVerdict.NEW, DeliveryVerdict.KNOWN, DeliveryVerdict.CONFLICT


@pytest.fixture
def door(database: Database, vault: Vault) -> Inbox:
    return Inbox(database, vault)


async def _bodies(database: Database, vault: Vault) -> dict[str, bytes]:
    async with database.transaction() as connection:
        waiting = await delivery_queue.claim(connection, ["hooks"], NOW, 1000)
        return {item.delivery_id: await vault.open(item.sealed, item.bound_to) for item in waiting.deliveries}


@pytest.mark.parametrize(
    ("deliveries", "verdicts", "kept"),
    [
        (["1:a"], [NEW], {"1": b"a"}),
        (["1:a", "1:a"], [NEW, KNOWN], {"1": b"a"}),
        (["1:a", "2:a"], [NEW, NEW], {"1": b"a", "2": b"a"}),
        (["1:a", "1:b"], [NEW, CONFLICT], {"1": b"a"}),
        (["1:a", "1:b", "1:a", "1:b"], [NEW, CONFLICT, KNOWN, CONFLICT], {"1": b"a"}),
    ],
)
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one commit"])
async def test_a_delivery_id_is_taken_once(
    door: Inbox,
    database: Database,
    vault: Vault,
    deliveries: list[str],
    verdicts: list[DeliveryVerdict],
    kept: object,
    together,
) -> None:
    async def accept(delivery: str) -> Receipt:
        delivery_id, _, body = delivery.partition(":")
        return await door.accept("hooks", delivery_id, body.encode(), NOW)

    await vault.key_for(NOW)
    if together:
        door._gathered._idle_lanes = 0  # hold the flush until all have come
        waiting = [asyncio.ensure_future(accept(delivery)) for delivery in deliveries]
        await asyncio.sleep(0.05)
        door._gathered._idle_lanes = 1
        door._gathered._start_lane()
        receipts = await asyncio.gather(*waiting)
    else:
        receipts = [await accept(delivery) for delivery in deliveries]
    assert [receipt.verdict for receipt in receipts] == verdicts
    assert {receipt.receipt for receipt in receipts} == {receipt_of("hooks", delivery[0]) for delivery in deliveries}
    assert await _bodies(database, vault) == kept


async def test_the_same_id_on_another_interface_is_another_delivery(door: Inbox) -> None:
    one, other = await door.accept("a", "1", b"x", NOW), await door.accept("b", "1", b"y", NOW)
    assert (one.verdict, other.verdict) == (NEW, NEW)
    assert one.receipt != other.receipt


async def test_a_conflicting_body_is_kept_once_and_sealed(door: Inbox, database: Database, vault: Vault) -> None:
    await door.accept("hooks", "1", b"first", NOW)
    for _ in range(2):
        await door.accept("hooks", "1", b"second", NOW)
    async with database.connection() as connection:
        (row,) = await connection.fetch("SELECT * FROM delivery_conflict")
    sealed = Sealed(row["key_id"], row["box"])
    assert b"second" not in row["box"]
    assert await vault.open(sealed, inbox.binding("hooks", "1")) == b"second"


async def test_two_hundred_at_once_each_get_their_own_receipt(door: Inbox, database: Database, vault: Vault) -> None:
    numbers = [str(n // 2) for n in range(200)]  # each twice
    receipts = await asyncio.gather(*(door.accept("hooks", n, n.encode(), NOW) for n in numbers))
    assert [receipt.receipt for receipt in receipts] == [receipt_of("hooks", n) for n in numbers]
    assert Counter(receipt.verdict for receipt in receipts) == {NEW: 100, KNOWN: 100}
    assert await _bodies(database, vault) == {n: n.encode() for n in numbers}


async def test_an_id_that_the_database_refuses_costs_no_other_its_place(
    door: Inbox, database: Database, vault: Vault
) -> None:
    ids = [f"{n}" for n in range(20)]
    ids[7] = "7\x00"
    answers = await asyncio.gather(*(door.accept("hooks", n, b"x", NOW) for n in ids), return_exceptions=True)
    assert [isinstance(answer, Receipt) for answer in answers] == [n != 7 for n in range(20)]
    assert len(await _bodies(database, vault)) == 19


async def test_two_claimers_never_get_the_same_delivery(door: Inbox, database: Database) -> None:
    for n in range(4):
        await door.accept("hooks", str(n), b"x", NOW)
    async with database.transaction() as one, database.transaction() as other:
        first, second = (
            await delivery_queue.claim(one, ["hooks"], NOW, 2),
            await delivery_queue.claim(other, ["hooks"], NOW, 4),
        )
    assert [item.delivery_id for item in first.deliveries] == ["0", "1"]
    assert [item.delivery_id for item in second.deliveries] == ["2", "3"]


async def test_what_came_on_an_interface_that_is_paused_is_not_claimed(door: Inbox, database: Database) -> None:
    for interface in ("paused", "hooks", "gone"):
        await door.accept(interface, "1", b"x", NOW)
    async with database.transaction() as connection:
        claimed = await delivery_queue.claim(connection, ["hooks"], NOW, 9)
        unknown = await delivery_queue.claim_unknown(connection, ["hooks", "paused"], 9)
    assert [item.interface for item in claimed.deliveries] == ["hooks"]
    assert [item.interface for item in unknown.deliveries] == ["gone"]


async def test_more_than_memory_should_hold_is_refused_before_it_is_sealed(door: Inbox, vault: Vault) -> None:
    await vault.key_for(NOW)
    door._gathered._idle_lanes = 0  # the database takes nothing
    waiting = [asyncio.ensure_future(door.accept("hooks", str(n), b"x", NOW)) for n in range(inbox._MOST_WAITING)]
    await asyncio.sleep(0.1)
    with pytest.raises(InboxFull):
        await door.accept("hooks", "one more", b"x", NOW)
    for one in waiting:
        one.cancel()


async def test_refusals_are_counted_by_day_and_reason(door: Inbox, database: Database) -> None:
    for counts in (
        {("hooks", "signature_wrong"): 1, ("hooks", "timestamp_too_old"): 1},
        {("hooks", "signature_wrong"): 1},
    ):
        await door.count_refusals(counts, NOW)
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT reason, count, day FROM refusal ORDER BY reason")
    assert [tuple(row) for row in rows] == [("signature_wrong", 2, NOW.date()), ("timestamp_too_old", 1, NOW.date())]


async def test_each_month_has_its_own_data_key_and_an_organisation_its_own(database: Database) -> None:
    master = MasterKey(b"k" * 32)
    one, other = Vault(database, master, "one"), Vault(database, master, "other")
    march, april = await one.key_for(NOW), await one.key_for(NOW.replace(month=4))
    assert len({march.key_id, april.key_id, (await other.key_for(NOW)).key_id}) == 3
    assert (await Vault(database, master, "one").key_for(NOW)).key_id == march.key_id


async def test_a_destroyed_data_key_takes_its_payloads_along(database: Database) -> None:
    master = MasterKey(b"k" * 32)
    sealed = (await Vault(database, master, "one").key_for(NOW)).seal(b"content", "here")
    async with database.connection() as connection:
        await connection.execute("DELETE FROM data_key")
    with pytest.raises(SealBroken):
        await Vault(database, master, "one").open(sealed, "here")
