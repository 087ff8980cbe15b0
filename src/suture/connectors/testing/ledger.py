"""The behaviour that every ledger shows, as tests: a connector's test module subclasses `LedgerConformance`.

The same suite runs against the simulator and against a real server, so that the simulator can't lie. Tests work with
keys of their own (`key`) and touch nothing else, so a real server may hold other data, and earlier runs'.
"""

from suture.connectors.testing.claims import ClaimConformance
from suture.connectors.testing.entries import EntryConformance
from suture.connectors.testing.parties import PartyConformance
from suture.connectors.testing.proof import ProofConformance
from suture.connectors.testing.receivables import ReceivablesConformance
from suture.connectors.testing.remittances import RemittanceConformance
from suture.connectors.testing.reversals import ReversalConformance
from suture.connectors.testing.visits import VisitConformance

__all__ = ["LedgerConformance"]


class LedgerConformance(
    VisitConformance,
    PartyConformance,
    ReceivablesConformance,
    RemittanceConformance,
    ReversalConformance,
    ClaimConformance,
    EntryConformance,
    ProofConformance,
):
    """Needs one fixture, `connect`: a function that answers a new, unused connector of the same ledger. All that a test
    connects remember together what was written, as the workers of a platform do."""
