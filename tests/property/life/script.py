"""What happens in one appointment's life, as data: drawn by Hypothesis, printed on failure, played by `play.py`.

Every step means something whatever came before it (or nothing at all), so that any of them can be left out when a
failing life is made smaller.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from hypothesis import strategies as st

Kind = Literal["booked", "rescheduled", "arrived", "completed", "corrected", "cancelled", "noshow"]
Coverage = Literal["insured", "self-pay", "lapsed"]
Share = Literal["third", "half", "full"]
Pace = Literal["acted on", "ingested", "together"]

COMPLETIONS = ("completed", "corrected")
"""Both are told as completed; in a `corrected` one more was delivered."""
WITHDRAWALS = ("cancelled", "noshow")

PATIENT = 99
"""So many attempts that no life uses them up."""
EVERYTHING = 99
"""More calls than any process makes."""
MOST_CALLS = 40
MOST_BOUTS = 20


class Fate(Enum):
    """What a call to an outside system, or a checkpoint to the database, meets.

    The ``after`` ones befall it when its work is done. `LATE` and `KILLED_LATE` do their work some time later, when
    nobody expects it any more. A checkpoint has no HTTP status: for it, what fails before the work is a connection
    lost before the commit, and what fails after it one lost after the commit.
    """

    FINE = "fine"
    UNAVAILABLE = "503"
    THROTTLED = "429"
    BROKEN = "500"
    BROKEN_AFTER = "500 after the work"
    TIMEOUT_AFTER = "504 after the work"
    DROPPED_AFTER = "dropped after the work"
    LATE = "504, the work is done later"
    HANGS = "the worker hangs before the work"
    HANGS_AFTER = "the worker hangs after the work"
    KILLED = "the worker dies before the work"
    KILLED_AFTER = "the worker dies after the work"
    KILLED_LATE = "the worker dies, the work is done later"


@dataclass(frozen=True)
class Deliver:
    """A sender delivers what it has not delivered yet: the next in its queue, or one further on."""

    skip: int
    ingest: bool


@dataclass(frozen=True)
class Repeat:
    """A delivery comes again: the very same, or (`renamed`) the same content under another delivery id."""

    which: int
    renamed: bool


@dataclass(frozen=True)
class Pay:
    """Billing posts a payment on the charge, where there is one; and tells of it at once or later."""

    share: Share
    told: bool


@dataclass(frozen=True)
class Work:
    """A worker goes on with what it has, or takes what is due: `calls` calls go well, the next one meets `fate`.

    It is held at the call after that, until its next step.
    """

    worker: int
    calls: int
    fate: Fate


@dataclass(frozen=True)
class Lapse:
    """Nothing happens for as long as a lease."""


@dataclass(frozen=True)
class Catch:
    """Calls that were given up arrive after all."""


Step = Deliver | Repeat | Pay | Work | Lapse | Catch


@dataclass(frozen=True)
class Ending:
    """How it ends once all faults have stopped.

    `backwards`: what was not told yet comes in the wrong order. `pace`: whether each is ingested and acted on before
    the next comes, only ingested, or all are ingested as one batch. `sleepers_last`: workers that hung and calls that
    were given up wake when all is over. `paid`: billing gets the rest.
    """

    backwards: bool
    pace: Pace
    sleepers_last: bool
    paid: bool


@dataclass(frozen=True)
class Life:
    """`story` is what the scheduling system knows, version by version; `attempts` is how often a step is tried.

    Where it has `begun`, the first completion and all before it were told before the first step.
    """

    story: tuple[Kind, ...]
    begun: bool
    coverage: Coverage
    attempts: int
    steps: tuple[Step, ...]
    ending: Ending


_CALLS = st.integers(0, MOST_CALLS) | st.integers(0, 14)
_WORKERS = st.integers(0, 1)
_SILENCED = [fate for fate in Fate if fate.name.startswith(("KILLED", "HANGS"))]
_FINISH = st.builds(Work, _WORKERS, st.just(EVERYTHING), st.just(Fate.FINE))
_DELIVER = st.builds(Deliver, st.sampled_from([0, 0, 0, 0, 1, 2]), st.sampled_from([True, True, True, False]))
_WORK = st.builds(Work, _WORKERS, _CALLS, st.sampled_from(Fate))
_SILENT = st.builds(Work, _WORKERS, _CALLS, st.sampled_from(_SILENCED))
_PAY = st.builds(Pay, st.sampled_from(["third", "third", "half", "full"]), st.sampled_from([True, True, False]))
_BOUTS: st.SearchStrategy[tuple[Step, ...]] = st.one_of(
    st.tuples(_DELIVER),
    st.tuples(_WORK),
    st.tuples(_SILENT, st.just(Lapse())),
    st.tuples(_FINISH),
    st.tuples(_DELIVER, _WORK),
    st.tuples(_PAY, _WORK),
    st.tuples(_FINISH, _PAY, _SILENT, st.just(Lapse())),
    st.tuples(_SILENT, _DELIVER, st.just(Lapse()), _WORK),
    st.tuples(st.builds(Repeat, st.integers(0, 5), st.booleans())),
    st.tuples(st.just(Lapse())),
    st.tuples(st.just(Catch())),
)
_BEFORE: list[tuple[Kind, ...]] = [(), (), (), ("booked",), ("booked", "arrived"), ("booked", "rescheduled")]
_VISITS: list[tuple[Kind, ...]] = [
    ("completed",),
    ("completed", "cancelled"),
    ("completed", "noshow"),
    ("completed", "completed"),
    ("completed", "corrected"),
    ("completed", "cancelled", "completed"),
    ("completed", "corrected", "cancelled"),
    ("completed", "cancelled", "noshow"),
    ("cancelled", "completed"),
    ("noshow", "completed", "cancelled"),
    ("completed",),
    ("completed", "cancelled"),
    ("cancelled",),
    ("completed",),
    ("completed",),
]
_ENDINGS = st.builds(
    Ending, st.booleans(), st.sampled_from(["acted on", "ingested", "together"]), st.booleans(), st.booleans()
)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    return Life(
        story=(*draw(st.sampled_from(_BEFORE)), *draw(st.sampled_from(_VISITS))),
        begun=draw(st.sampled_from([False, True, True])),
        coverage=draw(st.sampled_from(["insured", "insured", "insured", "self-pay", "self-pay", "self-pay", "lapsed"])),
        attempts=draw(st.sampled_from([PATIENT, PATIENT, PATIENT, 2, 1])),
        steps=tuple(_steps(draw)),
        ending=draw(_ENDINGS),
    )


def _steps(draw: st.DrawFn) -> Iterator[Step]:
    """About a dozen. Whether another one comes is drawn before each, so that any of them is easily left out."""
    for _ in range(MOST_BOUTS):
        if not draw(st.integers(0, 9)):
            return
        yield from draw(_BOUTS)
