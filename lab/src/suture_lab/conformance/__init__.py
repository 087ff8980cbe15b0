"""What every system of a role does, as tests that a connector adopts by a class and a fixture:

- `LedgerConformance`: a ledger, by a fixture `connect`;
- `BillingConformance`: a billing platform, by a fixture `platform`;
- `SchedulingConformance`: a scheduling system, by a fixture `clinic`.
"""

from suture_lab.conformance.billing import BillingConformance
from suture_lab.conformance.ledger import LedgerConformance
from suture_lab.conformance.scheduling import SchedulingConformance

__all__ = ["BillingConformance", "LedgerConformance", "SchedulingConformance"]
