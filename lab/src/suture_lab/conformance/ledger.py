"""The behaviour that every ledger shows, as tests: a connector's test module subclasses `LedgerConformance`.

The same suite runs against the simulator and against a real server, so that the simulator can't lie. Tests work with
keys of their own (`key`) and touch nothing else, so a real server may hold other data, and earlier runs'.
"""

from suture_lab.conformance.claims import ClaimConformance
from suture_lab.conformance.entries import EntryConformance
from suture_lab.conformance.parties import PartyConformance
from suture_lab.conformance.proof import ProofConformance
from suture_lab.conformance.receivables import ReceivablesConformance
from suture_lab.conformance.remittances import RemittanceConformance
from suture_lab.conformance.reversals import ReversalConformance
from suture_lab.conformance.visits import VisitConformance

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
