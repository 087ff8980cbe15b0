"""The standard rules, as a table: what each side holds, and what a difference is called, costs and needs."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.catalogue import Catalogue, CatalogueError, parse
from suture.catalogue.reconciliation import standard_rules
from suture.catalogue.write import template
from suture.reconcile.differences import Difference
from suture.reconcile.evidence import by_key as evidence_by_key
from suture.reconcile.evidence import found
from suture.reconcile.reconciler import parts
from suture.reconcile.rule_engine import MOST, TooManyDifferences, compare, suspects
from suture.store import ledger_snapshot, periods
from suture.store.database import Database
from suture.store.discrepancies import Discrepancy
from suture.store.ledger_snapshot import Holding
from suture.views.words import Words

DAY = date(2026, 3, 2)
NOW = datetime(2026, 4, 2, 12, tzinfo=UTC)
RULES = {rule.name: rule for rule in standard_rules()}


def held(book: str, key: str = "a1", **told: object) -> Holding:
    """A document of a visit as it should be: 200.00, of which a payer owes all."""
    states = {"scheduling.appointment": "fulfilled", "suture.appointment": "fulfilled", "billing.claim": "paid"}
    visit = Holding(
        book=book,
        key=key,
        number=f"{book} {key}",
        state=states.get(book, "posted"),
        day=DAY,
        facility="MAIN",
        party="Payer/o1",
        appointment="a1",
        amount=None if book.endswith(("appointment", "supplies", "stock_move")) else Decimal("200.00"),
        currency="USD",
        open=Decimal("80.00") if book in ("billing.charge", "ledger.invoice") else None,
        quantity=Decimal(3) if book in ("suture.supplies", "ledger.stock_move") else None,
        seen_at=NOW - timedelta(days=20),
    )
    return msgspec.structs.replace(visit, **told)


WHOLE = {
    book: held(book, "p1" if book.endswith("payment") else "a1")
    for book in (
        *("scheduling.appointment", "suture.appointment", "suture.charge", "suture.supplies", "suture.share"),
        *("suture.invoice", "suture.payment", "billing.charge", "billing.claim", "billing.payment"),
        *("ledger.invoice", "ledger.payment", "ledger.stock_move", "ledger.accrual"),
    )
}
"""A visit whose every document stands once, on every side."""


async def differences(database: Database, documents: list[Holding], now: datetime = NOW) -> list[Difference]:
    async with database.transaction() as connection:
        await ledger_snapshot.stage(connection, documents)
        await ledger_snapshot.merge(connection)
        await connection.execute("DROP TABLE staged")
        await ledger_snapshot.scope_days(connection, DAY, DAY + timedelta(days=1))
        compared = await compare(connection, standard_rules(), now, (DAY, DAY + timedelta(days=1)))
    return list(compared.told)


def without(*books: str) -> list[Holding]:
    return [one for book, one in WHOLE.items() if book not in books]


def also(*more: Holding) -> list[Holding]:
    return [*WHOLE.values(), *more]


def other(book: str, **told: object) -> list[Holding]:
    return [*without(book), msgspec.structs.replace(WHOLE[book], **told)]


def fallen(book: str, state: str) -> list[Holding]:
    """A document that is there and stands no more."""
    return other(book, state=state, stands=False)


def about(state: str, key: str = "Patient/p1", number: str = "patient 7") -> Holding:
    """A contact or product as Odoo has it."""
    bare = {"appointment": "", "party": "", "facility": None, "amount": None, "currency": None}
    return held("ledger.master_data", key, number=number, state=state, **bare)


async def test_a_visit_that_is_whole_breaks_no_rule(database: Database) -> None:
    assert await differences(database, list(WHOLE.values())) == []


@pytest.mark.parametrize("seed", range(20))
async def test_a_look_at_each_day_by_itself_doubts_all_that_differs_over_all_days(
    database: Database, seed: int
) -> None:
    dice, keyed = random.Random(seed), {one.book: one for one in WHOLE.values()}
    documents = [
        msgspec.structs.replace(
            keyed[book],
            key=keyed[book].key + str(number),
            number=f"{book} {number} {copy}",
            appointment=f"a1{number}",
            day=DAY + timedelta(days=number % 3 if dice.random() < 0.98 else dice.randrange(3)),
            amount=keyed[book].amount and dice.choice([keyed[book].amount] * 8 + [Decimal(7)]),
        )
        for number in range(200)
        for book in keyed
        for copy in range(dice.choice([1] * 20 + [0, 2]) if not book.startswith("suture") else 1)
    ]
    doubted: set[str] = set()
    for day in (DAY + timedelta(days=number) for number in range(3)):
        async with database.transaction() as connection:
            if day == DAY:
                await ledger_snapshot.stage(connection, documents)
                await ledger_snapshot.merge(connection)
            await ledger_snapshot.scope_days(connection, day, day)
            doubted |= await suspects(connection, standard_rules(), NOW, (day, day))
    async with database.transaction() as connection:
        await ledger_snapshot.scope_keys(connection, [one.key for one in documents])
        found = await compare(connection, standard_rules(), NOW, None)
    differing = {key for _, key in found.raw}
    assert differing
    assert differing <= doubted
    assert not {one.key for one in documents} <= doubted, "or it would say nothing"


LATE = [
    (date(2026, 4, 1), True, []),
    (date(2026, 4, 1), False, ["share_moved"]),
    (date(2026, 4, 2), True, ["share_moved"]),
    (date(2026, 3, 1), True, ["share_moved"]),
]
"""When a share of March stands, whether March was closed, and what is told."""


@pytest.mark.parametrize(("zone", "rules"), [("America/New_York", []), ("UTC", ["charge_gone"])])
async def test_what_a_system_says_no_time_of_is_not_old_before_its_day_is_over(
    database: Database, zone: str, rules: list[str]
) -> None:
    evening = datetime(2026, 3, 3, 3, tzinfo=UTC)  # still the 2nd in New York
    documents = [
        msgspec.structs.replace(one, seen_at=evening - timedelta(minutes=1)) for one in without("billing.charge")
    ]
    async with database.transaction() as connection:
        await ledger_snapshot.stage(connection, documents)
        await ledger_snapshot.merge(connection)
        await ledger_snapshot.scope_days(connection, DAY, DAY)
        found = await compare(connection, [RULES["charge_gone"]], evening, (DAY, DAY), ZoneInfo(zone))
    assert [one.rule.name for one in found.told] == rules


@pytest.mark.parametrize(("day", "closed", "rules"), LATE)
async def test_what_came_late_for_a_closed_month_stands_on_the_next_ones_first_day(
    database: Database, day: date, closed: bool, rules: list[str]
) -> None:
    async with database.transaction() as connection:
        if closed:
            await periods.freeze(connection, f"{DAY:%Y-%m}", "ada", NOW)
        await ledger_snapshot.stage(connection, other("ledger.accrual", day=day))
        await ledger_snapshot.merge(connection)
        await ledger_snapshot.scope_keys(connection, ["a1"])
        found = await compare(connection, standard_rules(), NOW, None)
    assert [one.rule.name for one in found.told] == rules


CASES = {
    "webhook lost": (without("suture.appointment"), "visit_not_told", "missing", None, "fetch"),
    "told, and not so": (
        other("scheduling.appointment", state="cancelled", stands=False),
        *("visit_not_told", "not_completed", None, "fetch"),
    ),
    "visit deleted at its source": (
        without("scheduling.appointment"),
        *("visit_not_told", "gone", None, "by_hand"),
    ),
    "charge voided there": (fallen("billing.charge", "voided"), "charge_gone", "voided", "200.00", "by_hand"),
    "charge stands that was voided": (
        fallen("suture.charge", "voided"),
        *("charge_gone", "not_undone", "200.00", "by_hand"),
    ),
    "charge keyed at billing for a visit": (
        without("suture.charge"),
        *("charge_gone", "unexpected", "200.00", "by_hand"),
    ),
    "walk-in keyed at billing": (
        also(held("billing.charge", "w1", number="CHG-W1", appointment="w1")),
        *("charge_gone", "walk_in", "200.00", "by_hand"),
    ),
    "charge deleted": (without("billing.charge"), "charge_gone", "missing", "200.00", "redo"),
    "charge corrected there": (
        other("billing.charge", amount=Decimal("180.00")),
        *("charge_gone", "differs", "20.00", "by_hand"),
    ),
    "charge at another facility": (
        other("billing.charge", facility="EAST"),
        *("charge_gone", "facility_changed", "200.00", "by_hand"),
    ),
    "share at another facility": (
        other("ledger.accrual", facility="none"),
        *("share_not_accrued", "facility_changed", "200.00", "by_hand"),
    ),
    "never charged": (
        without("billing.charge", "suture.charge"),
        *("visit_not_charged", "missing", None, "redo"),
    ),
    "charged for nothing": (
        [one for one in WHOLE.values() if not one.book.endswith("appointment")],
        *("visit_not_charged", "walk_in", "200.00", "by_hand"),
    ),
    "not claimed": (without("billing.claim"), "charge_not_claimed", "missing", "200.00", "by_hand"),
    "claim unanswered": (
        other("billing.claim", state="submitted"),
        *("claim_not_answered", "overdue", "200.00", "by_hand"),
    ),
    "invoice deleted": (without("ledger.invoice"), "invoice_changed", "missing", "200.00", "redo"),
    "invoice edited up": (
        other("ledger.invoice", amount=Decimal("250.00")),
        *("invoice_changed", "differs", "50.00", "correct"),
    ),
    "invoice edited down": (
        other("ledger.invoice", amount=Decimal("150.00")),
        *("invoice_changed", "differs", "50.00", "by_hand"),
    ),
    "invoice twice": (
        also(held("ledger.invoice", number="INV/2")),
        *("invoice_changed", "twice", "200.00", "by_hand"),
    ),
    "invoice cancelled": (fallen("ledger.invoice", "cancel"), "invoice_changed", "cancelled", "200.00", "by_hand"),
    "invoice reset to draft": (fallen("ledger.invoice", "draft"), "invoice_changed", "draft", "200.00", "redo"),
    "invoice credited wholly": (
        fallen("ledger.invoice", "credited"),
        "invoice_changed",
        "credited",
        "200.00",
        "by_hand",
    ),
    "invoice taken back by Suture itself": (
        fallen("ledger.invoice", "reversed"),
        *("invoice_changed", "missing", "200.00", "redo"),
    ),
    "invoice credited in part": (
        also(held("ledger.invoice", number="RINV/1", counts=0, amount=Decimal("-25.00"), open=None)),
        *("invoice_changed", "partly_credited", "25.00", "by_hand"),
    ),
    "twin credited in part": (
        also(
            held("ledger.invoice", number="INV/2"),
            held("ledger.invoice", number="RINV/1", counts=0, amount=Decimal("-25.00"), open=None),
        ),
        *("invoice_changed", "twice", "175.00", "by_hand"),
    ),
    "invoice at another facility": (
        other("ledger.invoice", facility="EAST"),
        *("invoice_changed", "facility_changed", "200.00", "by_hand"),
    ),
    "invoice still stands": (
        fallen("suture.invoice", "cancelled"),
        "invoice_changed",
        "not_undone",
        "200.00",
        "by_hand",
    ),
    "another contact on an invoice": (
        also(held("ledger.alteration", state="party", open=None)),
        *("document_altered", "party_changed", "200.00", "by_hand"),
    ),
    "another reference on an invoice": (
        also(held("ledger.alteration", state="reference", open=None)),
        *("document_altered", "reference_changed", "200.00", "by_hand"),
    ),
    "invoice entered by hand": (
        also(held("ledger.by_hand", "INV/9", appointment="", open=None)),
        *("entered_by_hand", "by_hand", "200.00", "by_hand"),
    ),
    "never invoiced": (
        without("ledger.invoice", "suture.invoice"),
        *("charge_not_invoiced", "missing", "200.00", "redo"),
    ),
    "payment's webhook lost": (without("suture.payment"), "payment_not_told", "missing", "200.00", "fetch"),
    "payment not in Odoo": (without("ledger.payment"), "payment_not_applied", "missing", "200.00", "redo"),
    "payment only in Odoo": (
        without("billing.payment", "suture.payment"),
        *("payment_not_applied", "unexpected", "200.00", "by_hand"),
    ),
    "payment reversed there": (
        fallen("ledger.payment", "undone"),
        *("payment_not_applied", "reversed", "200.00", "by_hand"),
    ),
    "payment reset to draft": (fallen("ledger.payment", "draft"), "payment_not_applied", "draft", "200.00", "redo"),
    "payment of another amount": (
        other("ledger.payment", amount=Decimal("150.00")),
        *("payment_not_applied", "differs", "50.00", "by_hand"),
    ),
    "payment posted twice": (
        also(held("ledger.payment", "p1", number="BNK/2")),
        *("payment_not_applied", "twice", "200.00", "correct"),
    ),
    "paid beside": (other("ledger.invoice", open=Decimal(0)), "open_amounts", "differs", "80.00", "by_hand"),
    "supplies not taken": (without("ledger.stock_move"), "supplies_not_taken", "missing", None, "redo"),
    "too few supplies": (
        other("ledger.stock_move", quantity=Decimal(2)),
        *("supplies_not_taken", "differs", None, "by_hand"),
    ),
    "supplies put back": (
        fallen("ledger.stock_move", "returned"),
        *("supplies_not_taken", "returned", None, "by_hand"),
    ),
    "share reversed there": (
        fallen("ledger.accrual", "undone"),
        *("share_not_accrued", "reversed", "200.00", "by_hand"),
    ),
    "share reset to draft": (fallen("ledger.accrual", "draft"), "share_not_accrued", "draft", "200.00", "redo"),
    "share accrued twice": (
        also(held("ledger.accrual", number="MISC/2")),
        *("share_not_accrued", "twice", "200.00", "by_hand"),
    ),
    "contact changed": (also(about("changed")), "master_data", "changed", None, "adopt"),
    "contact archived": (also(about("archived")), "master_data", "archived", None, "by_hand"),
    "contact deleted": (also(about("deleted")), "master_data", "deleted", None, "by_hand"),
    "product renamed": (also(about("changed", "S1210", "service 7")), "master_data", "renamed", None, "by_hand"),
    "share not accrued": (without("ledger.accrual"), "share_not_accrued", "missing", "200.00", "redo"),
    "invoice on another day": (
        other("ledger.invoice", day=DAY + timedelta(days=1)),
        *("invoice_moved", "moved", "200.00", "by_hand"),
    ),
    "payment on another day": (
        other("ledger.payment", day=DAY + timedelta(days=1)),
        *("payment_moved", "moved", "200.00", "by_hand"),
    ),
    "share on another day": (
        other("ledger.accrual", day=DAY + timedelta(days=1)),
        *("share_moved", "moved", "200.00", "by_hand"),
    ),
    "another share": (
        other("ledger.accrual", amount=Decimal("60.00")),
        *("share_not_accrued", "differs", "140.00", "by_hand"),
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_difference_is_named_priced_and_given_a_repair(database: Database, case: str) -> None:
    documents, rule, what, money, repair = CASES[case]
    told = await differences(database, documents)
    assert [(one.rule.name, one.what, one.repair) for one in told] == [(rule, what, repair)]
    if what != "differs" or money is not None:
        assert told[0].money == (None if money is None else Decimal(money))


def test_every_standard_rule_has_a_case() -> None:
    assert RULES.keys() - {rule for _, rule, *_ in CASES.values()} == {"payer_totals"}


@pytest.mark.parametrize("case", CASES)
async def test_a_difference_is_told_in_words_with_both_sides_and_what_to_do(
    database: Database, catalogue: Catalogue, case: str
) -> None:
    documents, *_ = CASES[case]
    (one,) = await differences(database, documents)
    kept = found(one, evidence_by_key(documents), catalogue)
    told = Discrepancy(
        **{name: getattr(kept, name) for name in kept.__struct_fields__},
        **dict.fromkeys(("closed_at", "closed_by", "reason", "proof")),
        **dict.fromkeys(("opened_at", "seen_at", "due_at"), NOW),
        number=1,
        state="open",
    )
    said = Words.of(catalogue)
    sentence = said.describe(told, one.rule)
    assert told.key in sentence
    assert "{" not in sentence
    assert sentence != told.what, "each has a sentence of its own"
    if one.repair == "by_hand" and one.what not in ("differs", "twice", "overdue", "unexpected", "missing"):
        assert said.remedy(told, one.rule)


async def test_a_payment_of_which_nobody_says_what_it_pays_is_about_no_visit(
    database: Database, catalogue: Catalogue
) -> None:
    documents, *_ = CASES["payment not in Odoo"]
    (one,) = await differences(database, documents)
    assert found(one, {}, catalogue).appointment == one.appointment != one.key
    lonely = msgspec.structs.replace(one, pair=msgspec.structs.replace(one.pair, appointment=one.key))
    assert found(lonely, {}, catalogue).appointment == ""


async def test_totals_differ_where_a_day_s_payments_are_another_payer_s(database: Database) -> None:
    found = await differences(database, other("ledger.payment", party="Payer/o2"))
    assert {(one.rule.name, one.key) for one in found} == {
        ("payer_totals", f"Payer/o1 {DAY}"),
        ("payer_totals", f"Payer/o2 {DAY}"),
    }
    assert {one.money for one in found} == {Decimal("200.00")}


async def test_what_is_too_young_is_not_asked_about_yet(database: Database) -> None:
    evening = datetime.combine(DAY, datetime.min.time(), UTC) + timedelta(hours=20)
    fresh = [msgspec.structs.replace(one, seen_at=evening, changed_at=evening) for one in without("ledger.payment")]
    assert await differences(database, fresh, evening + timedelta(minutes=30)) == []
    assert len(await differences(database, fresh, evening + timedelta(hours=2))) == 1


async def test_more_than_people_can_work_off_stops_the_run(database: Database) -> None:
    visits = [held("scheduling.appointment", f"v{n}", appointment=f"v{n}") for n in range(MOST)]
    with pytest.raises(TooManyDifferences, match="visit_not_told"):
        await differences(database, visits)


BAD = {
    "twice": ("- {name: a_rule, asks: x, left: {book: billing.claim}}\n" * 2, "appears twice"),
    "one-sided": ("- {name: a_rule, asks: x, left: {book: billing.claim}, expects: [amount]}\n", "no right side"),
    "unknown book": ("- {name: a_rule, asks: x, left: {book: billing.wishes}}\n", "there is no 'billing.wishes' here"),
    "totals": (
        "- {name: a_rule, asks: x, left: {book: billing.claim}, right: {book: ledger.invoice}, by: totals}\n",
        "expects [amount]",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_catalogue_s_rules_are_held_to_make_sense(case: str) -> None:
    rules, words = BAD[case]
    indented = "".join(f"    {line}\n" for line in rules.splitlines())
    text = template().replace("  # rules: []", "  rules:\n" + indented + "  # ")
    with pytest.raises(CatalogueError, match=words.replace("[", r"\[").replace("]", r"\]")):
        parse(text, "catalogue.yaml")


def test_a_catalogue_may_have_rules_of_its_own(catalogue: Catalogue) -> None:
    assert catalogue.reconciliation.standing == standard_rules()
    own = msgspec.structs.replace(catalogue.reconciliation, rules=())
    assert own.standing == ()


@given(
    days=st.sets(st.dates(date(2026, 1, 1), date(2026, 6, 1)), max_size=90).map(sorted),
    size=st.integers(0, 30_000),
)
def test_parts_are_days_that_follow_each_other_and_hold_a_bounded_number(days: list[date], size: int) -> None:
    made = list(parts(days, dict.fromkeys(days, size)))
    assert [day for part in made for day in part] == days
    for part in made:
        assert part == [part[0] + timedelta(days=n) for n in range(len(part))]
        assert len(part) <= 7
        assert len(part) == 1 or len(part) * size <= 20_000
