"""How much of a claim is booked, what its line keeps of what was told, and which claim a reversal means."""

from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.connectors.odoo.documents.matching import Item
from suture.connectors.odoo.remittances.adjudication import AdjustmentLine, Standpoint, adjudge
from suture.connectors.odoo.remittances.booked_claims import Adjusted, StandingClaim
from suture.connectors.odoo.remittances.claim_record import Said, read, said_of
from suture.connectors.odoo.remittances.reversing import Early, Paid, takes_back, undone_by
from suture_lab.conformance.orders import DAY, a_claim, a_reversal, usd

AMOUNTS = st.decimals(min_value=0, max_value=1000, places=2)
MEETS = Standpoint(room=Decimal(80), found=True, billed=True, patient_known=True, surplus=Decimal(0))


def reasons(*amounts: Decimal | str) -> list[AdjustmentLine]:
    return [AdjustmentLine(f"CO-{n}", 400910, usd(str(amount))) for n, amount in enumerate(amounts, 45)]


def an_item(line: int, amount: str, *, residual: str = "0", settled: bool = True) -> Item:
    return Item(
        line=line,
        move=line,
        account=121000,
        partner=7,
        currency=1,
        amount=Decimal(amount),
        residual=Decimal(residual),
        posted=True,
        settled=settled,
        matched=settled,
        mark="",
        label="Claim A-claim",
    )


def stands(line: int, *, whole: bool = True, **told: str) -> StandingClaim:
    """What stands of a claim, in an entry of its own."""
    claim = a_claim("A", **told)
    own = claim.own_adjustments if whole else ()
    adjusted = tuple(Adjusted(400910, f"Claim A-claim, {one.code}", one.amount.amount, None) for one in own)
    share = claim.patient_responsibility.amount if whole else Decimal(0)
    amount = claim.paid.amount + sum((one.amount for one in adjusted), Decimal(0)) + share
    return StandingClaim(
        line,
        an_item(line, str(-amount)),
        share=an_item(line + 100, str(share)) if share else None,
        adjusted=adjusted,
        said=said_of(claim, "paid", whole=whole),
    )


@given(st.lists(AMOUNTS, max_size=3), AMOUNTS, AMOUNTS, AMOUNTS, st.booleans(), st.booleans())
def test_nothing_is_booked_beyond_what_is_open_and_what_the_patient_bears_too_much(
    adjusted: list[Decimal], owes: Decimal, room: Decimal, surplus: Decimal, billed: bool, known: bool
) -> None:
    meets = Standpoint(room=room, found=True, billed=billed, patient_known=known, surplus=surplus)
    told = adjudge(a_claim("A", patient=str(owes)), reasons(*adjusted), meets, explained=True)
    booked = sum((one.amount.amount for one in told.adjusted), Decimal(0))
    assert booked + told.share <= room
    assert booked in (0, sum(adjusted))
    assert -max(surplus - owes, Decimal(0)) <= told.share <= owes
    assert (billed and known) or told.share == 0
    if told.whole:
        assert booked == sum(adjusted)


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_what_is_booked_in_two_steps_comes_to_what_is_booked_in_one(
    owes: Decimal, first: Decimal, surplus: Decimal
) -> None:
    """Where less was open at first than there is now."""
    claim = a_claim("A", patient=str(owes))
    meets = msgspec.structs.replace(MEETS, room=first, surplus=surplus)
    began = adjudge(claim, [], meets, explained=True)
    more = msgspec.structs.replace(meets, room=Decimal(2000) - began.share, shared=began.share)
    at_once = adjudge(claim, [], msgspec.structs.replace(meets, room=Decimal(2000)), explained=True)
    assert began.share + adjudge(claim, [], more, explained=True).share == at_once.share


def test_of_what_can_not_be_explained_and_of_what_is_no_answer_nothing_is_booked() -> None:
    meets = msgspec.structs.replace(MEETS, surplus=Decimal(500), room=Decimal(-20))
    unexplained = adjudge(a_claim("A"), reasons("50.00"), meets, explained=False)
    assert (unexplained.adjusted, unexplained.share, unexplained.whole, unexplained.fits) == ((), 0, False, True)
    other = adjudge(a_claim("A", status="25"), reasons("50.00"), meets, explained=True)
    assert (other.adjusted, other.share, other.whole) == ((), 0, True)


@given(
    st.sampled_from(["paid", "more", "also", "back"]),
    st.decimals(min_value=-10000, max_value=10000, places=3),
    AMOUNTS,
    AMOUNTS,
    st.booleans(),
    st.sampled_from(["", "_undoes_12", "_undoes_12_13"]),
)
def test_what_was_said_is_read_as_it_was_written(
    kind: str, own: Decimal, patient: Decimal, left: Decimal, whole: bool, behind: str
) -> None:
    said = Said(kind=kind, visit="0a1b2c3d", codes="0a1b2c", own=own, patient=patient, left=left, whole=whole)  # type: ignore[arg-type]
    assert read(f"suture.remittance_Payer_P1_paid_2_3_{said.sign}{behind}") == said


@pytest.mark.parametrize(
    "name", ["", "suture.remittance_P1_3", "suture.remittance_P1_3_undoes_7", "x_paid_1_2_3_4_5_w"]
)
def test_a_line_of_before_says_nothing(name: str) -> None:
    assert read(name) is None


def test_a_reversal_says_what_its_original_said() -> None:
    original, reversal = said_of(a_claim("A"), "paid"), said_of(a_reversal("A"), "back")
    assert (reversal.visit, reversal.codes, reversal.own, reversal.patient) == (
        original.visit,
        original.codes,
        original.own,
        original.patient,
    )
    assert not said_of(a_reversal("A", **{"CO-45": "0", "PR-1": "0"}), "back").says_own


HALF = {"charged": "100.00", "paid": "60.00", "patient": "15.00", "CO-45": "25.00"}
OTHER_HALF = {"charged": "100.00", "paid": "60.00", "patient": "10.00", "CO-45": "30.00"}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"CO-45": "-25.00", "PR-1": "-15.00"}, {1}),
        ({"CO-45": "-30.00", "PR-1": "0"}, {2}),
        ({"CO-45": "0", "PR-1": "-10.00"}, {2}),
        ({"CO-45": "-25.00", "PR-1": "-99.00"}, {1}),
        ({"CO-45": "-25.00", "PR-1": "-10.00"}, set()),
        ({"CO-45": "0", "PR-1": "0"}, set()),
        ({"paid": "-120.00"}, {1, 2}),
        ({"paid": "-61.00"}, set()),
    ],
    ids=["both", "reason", "share", "one_right", "contradiction", "bare", "all", "none"],
)
@pytest.mark.parametrize("whole", [True, False], ids=["booked", "money_alone"])
def test_a_reversal_means_what_was_told(said: dict[str, str], meant: set[int], whole: bool) -> None:
    known = [stands(1, whole=whole, **HALF), stands(2, whole=whole, **OTHER_HALF)]
    parts = undone_by(a_reversal("A", **{"paid": "-60.00"} | said), Decimal(0), known)
    assert {one.entry for one in parts} == meant


def test_of_what_was_told_alike_the_one_is_meant_of_which_least_is_booked_then_the_newest() -> None:
    booked, waiting = stands(1), stands(2, whole=False)
    assert [one.entry for one in undone_by(a_reversal("A"), Decimal(0), [booked, waiting])] == [2]
    assert [one.entry for one in undone_by(a_reversal("A"), Decimal(0), [stands(1), stands(2)])] == [2]


def test_of_three_thirds_two_are_meant_only_where_the_rest_of_the_reversal_says_which() -> None:
    thirds = [stands(n, paid="40.00", patient=str(n)) for n in (1, 2, 3)]
    bare = a_reversal("A", paid="-80.00", **{"CO-45": "0", "PR-1": "0"})
    assert undone_by(bare, Decimal(0), thirds) == ()
    said = a_reversal("A", paid="-80.00", **{"CO-45": "0", "PR-1": "-3.00"})
    assert {one.entry for one in undone_by(said, Decimal(0), thirds)} == {1, 2}


@pytest.mark.parametrize("days", [0, 1], ids=["same_day", "later"])
@pytest.mark.parametrize("told", [{}, {"patient": "10.00", "CO-45": "70.00"}], ids=["agrees", "differs"])
@pytest.mark.parametrize("bare", [False, True], ids=["said", "bare"])
def test_a_reversal_that_came_first_takes_back_what_it_may_not_have_been_corrected_by(
    days: int, told: dict[str, str], bare: bool
) -> None:
    """A claim of an earlier day is what it named; one of the same day is only where what the two say agrees."""
    reversal = a_reversal("A", **({"CO-45": "0", "PR-1": "0"} if bare else {}))
    early = Early(an_item(9, "120.00", residual="120.00", settled=False), said_of(reversal, "back", whole=True), DAY)
    paid = Paid(Decimal(120), said_of(a_claim("A", **told), "paid"), DAY - timedelta(days=days))
    taken = takes_back([early], {1: paid})
    assert bool(taken) == (days > 0 or (not bare and not told))


def test_a_reversal_that_came_first_takes_back_nothing_of_another_visit() -> None:
    early = Early(an_item(9, "120.00", residual="120.00"), said_of(a_reversal("A"), "back", whole=True), DAY)
    other = msgspec.structs.replace(a_claim("A"), appointment="B")
    assert takes_back([early], {1: Paid(Decimal(120), said_of(other, "paid"), date(2020, 1, 1))}) == {}
