"""What chaos was asked for."""

from pathlib import Path
from typing import Literal

import msgspec

UNDONE = 0.03
"""The share of appointments that are completed and turn out to be cancelled after all."""

CALL_SECONDS = 5.0
"""How long the platform waits for an outside system here: hanging ones must cost less than the day takes."""


class ChaosOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`rate` is in appointments a second, `lease` in seconds."""

    minutes: float
    seed: int
    rate: float
    workers: int
    nats_nodes: Literal[1, 3]
    lease: float
    port: int
    report: Path | None
    folder: Path

    @property
    def seconds(self) -> float:
        return self.minutes * 60

    @property
    def appointments(self) -> int:
        return max(round(self.seconds * self.rate), 1)

    @property
    def command(self) -> str:
        """The command that plays this run again."""
        return (
            f"suture chaos --minutes {self.minutes:g} --seed {self.seed} --rate {self.rate:g} "
            f"--workers {self.workers} --nats-nodes {self.nats_nodes} --lease {self.lease:g}"
        )
