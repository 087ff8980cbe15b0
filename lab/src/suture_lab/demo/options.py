"""What the demo was asked for."""

from pathlib import Path
from typing import Literal

import msgspec

from suture_lab.stage import StageOptions


class DemoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`duration` is how many seconds the day is compressed into."""

    stage: StageOptions
    appointments: int
    data: Path | None
    faults: Literal["none", "light", "storm"]
    once: bool
    report: Path | None
    duration: float
    yes: bool
