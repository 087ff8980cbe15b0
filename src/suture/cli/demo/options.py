"""What the demo was asked for."""

from pathlib import Path
from typing import Literal

import msgspec


class OdooTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A real Odoo to use in place of the simulated one."""

    url: str
    database: str
    api_key: str
    login: str | None = None
    transport: str = "auto"


class DemoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`duration` is how many seconds the day is compressed into."""

    appointments: int
    data: Path | None
    seed: int
    faults: Literal["none", "light", "storm"]
    once: bool
    report: Path | None
    port: int
    duration: float
    workers: int
    yes: bool
    transport: Literal["json2", "jsonrpc"]
    odoo: OdooTarget | None
    folder: Path
