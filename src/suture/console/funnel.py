"""The geometry of the funnel; the template draws it."""

from decimal import Decimal
from itertools import pairwise

import msgspec

from suture.store.journeys import Funnel, FunnelStage

_TALLEST = 92.0
_THINNEST = 1.5
_LAP = 0.4
"""How far a slice reaches under the next, so that no seam shows."""


class Slice(msgspec.Struct, frozen=True):
    """One stage: its figures, its share of the first stage, and its outline in a 100 by 100 box that leads over to
    the next stage's height."""

    stage: FunnelStage
    count: int
    money: Decimal | None
    share: float
    outline: str


def slices(funnel: Funnel) -> list[Slice]:
    """The funnel's stages from booked to paid."""
    figures: tuple[tuple[FunnelStage, int, Decimal | None], ...] = (
        (FunnelStage.SEEN, funnel.seen, None),
        (FunnelStage.COMPLETED, funnel.completed, None),
        (FunnelStage.CHARGED, funnel.charged, funnel.charge_total),
        (FunnelStage.POSTED, funnel.posted, funnel.invoice_total),
        (FunnelStage.PAID, funnel.paid, funnel.invoice_total - funnel.residual),
    )
    shares = [count / funnel.seen if funnel.seen else 0.0 for _, count, _ in figures]
    outlines = [_outline(*pair) for pair in pairwise((*shares, shares[-1]))]
    return [
        Slice(stage, count, money, share, outline)
        for (stage, count, money), share, outline in zip(figures, shares, outlines, strict=True)
    ]


def _outline(share: float, following: float) -> str:
    """An SVG path: level, then a smooth way to the next height."""
    top, after = _top(share), _top(following)
    below, below_after = 100 - top, 100 - after
    return (
        f"M0,{top:.2f} H40 C72,{top:.2f} 68,{after:.2f} 100,{after:.2f} h{_LAP} "
        f"V{below_after:.2f} h-{_LAP} C68,{below_after:.2f} 72,{below:.2f} 40,{below:.2f} H0 Z"
    )


def _top(share: float) -> float:
    return 50 - max(share * _TALLEST, _THINNEST) / 2
