"""What a system must be able to do to take a place in Suture.

Every method raises only the failures of `core.failure`. Every write is idempotent by the business key it carries:
doing it again, also after an `Unknown`, changes nothing and answers the same. Connectors throttle, gather and look
before they repeat; callers just call.
"""

from suture.connectors.port.clinic import Billing, Scheduling, amount_of
from suture.connectors.port.documents import (
    AccrualOrder,
    AppliedPayment,
    CreditOrder,
    DocumentKind,
    DraftedInvoice,
    InvoiceOrder,
    LedgerEntry,
    OpenClaim,
    Part,
    PostedInvoice,
    PostedRemittance,
    RefundOrder,
    RemittanceProgress,
    SettledInvoice,
    StockDocument,
    StockOrder,
    TransferOrder,
    UnbilledAccrual,
    UnbilledLine,
    UnbilledOrder,
    WriteOffOrder,
)
from suture.connectors.port.ledger import Ledger
from suture.connectors.port.parties import LedgerPartner, PartyDiscrepancy, Registered, Role
from suture.connectors.port.plan import LedgerPlan, PlannedAdjustment, PlannedFacility, PlannedProduct
from suture.connectors.port.reading import (
    Balance,
    ChangeKind,
    ChangePage,
    GoodsReceipt,
    LedgerChange,
    MasterRecord,
    OpenItem,
    RunningLow,
    Span,
)
from suture.connectors.port.system import Connector, Health

__all__ = [
    "AccrualOrder",
    "AppliedPayment",
    "Balance",
    "Billing",
    "ChangeKind",
    "ChangePage",
    "Connector",
    "CreditOrder",
    "DocumentKind",
    "DraftedInvoice",
    "GoodsReceipt",
    "Health",
    "InvoiceOrder",
    "Ledger",
    "LedgerChange",
    "LedgerEntry",
    "LedgerPartner",
    "LedgerPlan",
    "MasterRecord",
    "OpenClaim",
    "OpenItem",
    "Part",
    "PartyDiscrepancy",
    "PlannedAdjustment",
    "PlannedFacility",
    "PlannedProduct",
    "PostedInvoice",
    "PostedRemittance",
    "RefundOrder",
    "Registered",
    "RemittanceProgress",
    "Role",
    "RunningLow",
    "Scheduling",
    "SettledInvoice",
    "Span",
    "StockDocument",
    "StockOrder",
    "TransferOrder",
    "UnbilledAccrual",
    "UnbilledLine",
    "UnbilledOrder",
    "WriteOffOrder",
    "amount_of",
]
