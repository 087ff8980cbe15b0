"""What a connector says of itself. The catalogue is checked against it, and nothing else knows a vendor.

A connector is a folder with a module `manifest` that has a `MANIFEST`; a package of its own names that in the entry
points of the group ``suture.connectors``.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

Role = Literal["scheduling", "billing", "ledger", "stock"]
"""What a system is to the processes: who tells of visits, who prices and claims them, whose books they are posted in,
and where what they use up is kept."""

Quality = Literal["bronze", "silver", "gold"]
"""How far a connector can be relied on. Bronze: it passes its roles' conformance suite against a simulator that speaks
the system's own protocol. Silver: against the system itself as well. Gold: it also reads the system back for
reconciliation, and takes up what others change there."""


class NoSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A system of which nothing is told but what all have: address, owner, credentials and limits."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` is what a catalogue calls the system's connector, `label` what people call the system.

    `settings` is the type of what a catalogue tells of a system beside what all have; a field without a default must
    be told. `tells` are the contracts of what the system sends us, `polled` those of what is read there instead, and
    `takes` those by which we write. `capabilities` are what not every system of its roles can do. `connect` is the
    function that makes a connector out of a `Connecting`, as ``module:function``: it is loaded when a system is called.
    `formerly` gives words in catalogues of before, and what they are now.
    """

    kind: str
    label: str
    roles: frozenset[Role]
    connect: str
    settings: type[msgspec.Struct] = NoSettings
    tells: frozenset[str] = frozenset()
    polled: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()
    quality: Quality = "bronze"
    formerly: Mapping[str, str] = {}
