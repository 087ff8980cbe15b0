"""What every system of a role does, as tests that a connector adopts by a class and a fixture:

- `LedgerConformance`: a ledger, by a fixture `connect`;
- `BillingConformance`: a billing platform, by a fixture `platform`;
- `SchedulingConformance`: a scheduling system, by a fixture `clinic`.
"""

from suture.connectors.testing.billing import BillingConformance
from suture.connectors.testing.ledger import LedgerConformance
from suture.connectors.testing.scheduling import SchedulingConformance

__all__ = ["BillingConformance", "LedgerConformance", "SchedulingConformance"]
