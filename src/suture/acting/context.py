"""The context of a command: what acting needs, in one place."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from suture.catalogue.model import Catalogue
from suture.connectors.port import Billing, Ledger, Scheduling
from suture.core.clock import Clock
from suture.reconcile.reconciler import Reconciler
from suture.store import corrections
from suture.store.anchor import Anchor
from suture.store.audit import Trail
from suture.store.data_keys import Vault
from suture.store.database import Connection, Database
from suture.store.inbox import Inbox
from suture.store.recorder import Recorder


@dataclass(frozen=True)
class CommandContext:
    """Where people act from: console, API and command line alike. `anchor` keeps the audit trail's head."""

    database: Database
    vault: Vault
    recorder: Recorder
    catalogue: Catalogue
    clock: Clock
    anchor: Anchor | None = None

    @property
    def trail(self) -> Trail:
        """Where acts are written."""
        return Trail(self.vault.trail_key, self.anchor)

    async def corrected_catalogue(self, connection: Connection) -> Catalogue:
        """The catalogue with the code table rows that people corrected."""
        return corrections.corrected(self.catalogue, await corrections.codes(connection))


def turns(count: int, start: datetime, rate: float) -> list[datetime]:
    """When each of `count` things has its turn, `rate` a second."""
    return [start + timedelta(seconds=number / rate) for number in range(count)]


@dataclass(frozen=True, kw_only=True)
class LedgerContext(CommandContext):
    """What writing in the ledger needs beside: no other system is spoken to."""

    ledger: Ledger

    def ledger_of(self, facility: str | None) -> Ledger:
        return self.ledger.of_company(self.catalogue.company_of(facility))


@dataclass(frozen=True, kw_only=True)
class RepairContext(LedgerContext):
    """What repairing needs beside: every system, and both sides read again."""

    scheduling: Scheduling
    billing: Billing
    inbox: Inbox
    reconciler: Reconciler
