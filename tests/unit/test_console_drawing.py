"""The geometry behind the console's pictures, and the words for how far an appointment came."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from suture.canonical.events import EVENT_TYPES
from suture.console import facts, funnel, plot, progress
from suture.store.events import RecordedEvent
from suture.store.journeys import Funnel, FunnelStage, JourneyRow, Postings
from suture.views.today import fitting_span

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
MIDNIGHT, EVENING = NOON.replace(hour=0), NOON.replace(hour=20)
SPAN = timedelta(seconds=10)
NOTHING = Funnel(
    **{name: 0 for name in Funnel.__struct_fields__ if "posted_at" not in name},
    **{"first_posted_at": None, "last_posted_at": None},
)


def test_a_plot_keeps_quiet_times_and_ends_at_the_sum() -> None:
    drawn = plot.plot(
        [Postings(NOON, 3, Decimal(9)), Postings(NOON + 19 * SPAN, 1, Decimal(3))], SPAN, MIDNIGHT, EVENING
    )
    assert drawn is not None
    assert [(bar.height, bar.x) for bar in drawn.bars] == [(150, 3.6), (50, 573.6)]
    assert drawn.line == "0.00,150.00 30.00,37.50 570.00,37.50 600.00,0.00"
    assert (drawn.count, drawn.most, drawn.end) == (4, 3, NOON + 20 * SPAN)


def test_a_plot_s_first_bar_is_no_wall() -> None:
    drawn = plot.plot([Postings(NOON, 3, Decimal(9))], SPAN, MIDNIGHT, EVENING)
    assert drawn is not None
    assert drawn.bars[0].width < plot.WIDTH / 10
    assert drawn.bars[0].x > plot.WIDTH * 0.9, "the quiet is before it"


@pytest.mark.parametrize(
    ("passed", "end"),
    [
        (timedelta(seconds=4), timedelta(seconds=4)),
        (SPAN, SPAN),
        (timedelta(hours=3), SPAN),
        (timedelta(0), SPAN),
        (timedelta(seconds=-1), SPAN),
    ],
    ids=["under way", "just over", "long over", "at once", "clocks that differ"],
)
def test_a_plot_does_not_reach_into_the_future(passed: timedelta, end: timedelta) -> None:
    drawn = plot.plot([Postings(NOON, 3, Decimal(9))], SPAN, MIDNIGHT, NOON + passed)
    assert drawn is not None
    assert drawn.end == NOON + end
    assert drawn.begin == NOON + end - 12 * SPAN
    assert drawn.bars[0].x + drawn.bars[0].width <= plot.WIDTH
    assert drawn.line.endswith(" 600.00,0.00")


def test_a_plot_does_not_reach_into_yesterday() -> None:
    drawn = plot.plot([Postings(MIDNIGHT + SPAN, 3, Decimal(9))], SPAN, MIDNIGHT, EVENING)
    assert drawn is not None
    assert (drawn.begin, drawn.end) == (MIDNIGHT, MIDNIGHT + 2 * SPAN)


@pytest.mark.parametrize(
    ("posted", "whole", "span"),
    [
        (3, timedelta(minutes=2), timedelta(minutes=1)),
        (3, timedelta(hours=10), timedelta(hours=1)),
        (40, timedelta(minutes=2), timedelta(seconds=10)),
        (4000, timedelta(minutes=2), timedelta(seconds=5)),
        (4000, timedelta(hours=10), timedelta(minutes=15)),
        (1, timedelta(0), timedelta(minutes=1)),
    ],
)
def test_a_plot_s_spans_follow_how_long_it_went_and_how_many_there_were(
    posted: int, whole: timedelta, span: timedelta
) -> None:
    told = msgspec.structs.replace(NOTHING, posted=posted, first_posted_at=NOON, last_posted_at=NOON + whole)
    assert fitting_span(told) == span


def test_nothing_posted_is_no_plot() -> None:
    assert plot.plot([], SPAN, MIDNIGHT, NOON) is None


def test_the_funnel_narrows_with_the_day() -> None:
    day = msgspec.structs.replace(
        NOTHING, seen=8, completed=4, charged=4, invoice_total=Decimal(90), residual=Decimal(30)
    )
    drawn = funnel.slices(day)
    assert [item.share for item in drawn] == [1, 0.5, 0.5, 0, 0]
    assert drawn[-1].money == 60
    assert drawn[0].outline.startswith("M0,4.00 H40 C72,4.00 68,27.00 100,27.00")


def test_an_empty_funnel_can_be_drawn() -> None:
    assert {item.share for item in funnel.slices(NOTHING)} == {0}


def test_every_figure_of_the_funnel_has_its_stage_and_words() -> None:
    figures = {name for name in Funnel.__struct_fields__ if Funnel.__annotations__[name] is int}
    assert figures == {stage.value for stage in FunnelStage} == {stage.value for stage in progress.STAGES}


@pytest.mark.parametrize(
    ("row", "standing", "states"),
    [
        (JourneyRow(appointment="A"), "Known", "ahead ahead ahead ahead ahead"),
        (JourneyRow(appointment="A", status="booked"), "Booked", "reached ahead ahead ahead ahead"),
        (JourneyRow(appointment="A", status="arrived"), "Arrived", "reached ahead ahead ahead ahead"),
        (JourneyRow(appointment="A", status="cancelled"), "Cancelled", "reached off off off off"),
        (
            JourneyRow(appointment="A", status="fulfilled", milestones={"completed": NOON, "charged": NOON}),
            "Charged",
            "reached reached reached ahead ahead",
        ),
        (
            JourneyRow(appointment="A", status="fulfilled", payment_state="in_payment"),
            "Paid",
            "reached ahead ahead ahead reached",
        ),
    ],
)
def test_how_far_an_appointment_came(row: JourneyRow, standing: str, states: str) -> None:
    assert progress.standing(row) == standing
    assert [mark.state for mark in progress.marks(row)] == states.split()


def test_chosen_facts_name_event_types_that_exist() -> None:
    assert facts._CHOSEN.keys() <= EVENT_TYPES.keys()


@pytest.mark.parametrize("data", ['{"unknown": 1}', "not JSON"])
def test_an_event_that_this_version_can_t_read_has_no_facts(data: str) -> None:
    event = RecordedEvent(1, msgspec.UNSET, "suture.invoice.posted.v1", "", NOON, NOON, None, data, False, True)  # type: ignore[arg-type]
    assert facts.facts_of(event) == []
