"""What every page works with: the contexts of commands and of repairs, and figures too dear to be read by each."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from suture.access.oidc import OidcClient, Provider
from suture.access.rates import CallRates
from suture.acting.actor import NotPossible
from suture.acting.context import RepairContext
from suture.bootstrap.composition import (
    Foundation,
    Systems,
    command_context,
    connect_systems,
    ledger_crosswalk,
    repair_context,
)
from suture.bootstrap.settings import SettingsError
from suture.commands import accounts
from suture.core.clock import Clock
from suture.store.journeys import Day
from suture.views.objectives import Objective, objectives
from suture.views.today import last_days

T = TypeVar("T")
_CLIENT_SECRET = "SUTURE_OIDC_CLIENT_SECRET"  # noqa: S105 (its name)


class Fresh(Generic[T]):
    """A figure that is read again when it is older than `lasts`: in the background, so that nobody waits."""

    def __init__(self, read: Callable[[], Awaitable[T]], clock: Clock, lasts: timedelta) -> None:
        self._read = read
        self._clock = clock
        self._lasts = lasts
        self._known: tuple[T, datetime] | None = None
        self._reading: asyncio.Task[None] | None = None

    async def get(self) -> T:
        if self._known is None:
            return await self._refresh()
        value, at = self._known
        if self._clock.now() - at >= self._lasts and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._quietly())
        return value

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _refresh(self) -> T:
        value = await self._read()
        self._known = (value, self._clock.now())
        return value

    async def _quietly(self) -> None:
        """What goes wrong in the background is told by the next page that needs the figure, and reads it itself."""
        try:
            await self._refresh()
        except Exception:
            self._known = None


class ConsoleContext:
    """One console process."""

    def __init__(self, base: Foundation) -> None:
        self.base = base
        self.context = command_context(base)
        self.zone = ZoneInfo(base.catalogue.organisation.timezone)
        settings = base.settings
        self.address = (settings.console_url or f"http://{settings.host}:{settings.console_port}").rstrip("/")
        self.is_secure = self.address.startswith("https:")
        self.leaving = asyncio.Event()
        self.tries = CallRates()
        self._systems: Systems | None = None
        self._provider: OidcClient | None = None
        self.objectives: Fresh[list[Objective]] = Fresh(self._objectives, base.clock, timedelta(minutes=1))
        self.holders: Fresh[dict[str, list[str]]] = Fresh(self._holders, base.clock, timedelta(minutes=1))
        self.days: Fresh[list[Day]] = Fresh(self._days, base.clock, timedelta(minutes=1))

    @property
    def has_provider(self) -> bool:
        """Whether people may sign in through an identity provider."""
        return self.base.settings.oidc_issuer is not None

    def repair_context(self) -> RepairContext:
        """Where commands are done. Systems that can't be connected say so when they are needed, and not before."""
        if self._systems is None:
            try:
                self._systems = connect_systems(
                    self.base.catalogue, self.base.secrets, crosswalk=ledger_crosswalk(self.base)
                )
            except SettingsError as error:
                away: Any = _NotConnected(str(error))
                return repair_context(self.base, Systems(away, away, away))
        return repair_context(self.base, self._systems)

    def provider(self) -> OidcClient:
        """The identity provider's client."""
        if self._provider is None:
            settings, secrets = self.base.settings, self.base.secrets
            provider = Provider(
                issuer=settings.oidc_issuer or "",
                client_id=settings.oidc_client_id,
                client_secret=secrets.get(_CLIENT_SECRET) if secrets.has(_CLIENT_SECRET) else "",
                roles_claim=settings.oidc_roles_claim,
            )
            self._provider = OidcClient(provider, f"{self.address}/sign-in/provider/answer", self.base.clock)
        return self._provider

    async def close(self) -> None:
        self.leaving.set()
        await self.objectives.close()
        await self.days.close()
        await self.holders.close()
        if self._systems is not None:
            await self._systems.close()
        if self._provider is not None:
            await self._provider.close()

    async def _objectives(self) -> list[Objective]:
        return await objectives(self.base.database, self.base.catalogue, self.base.clock.now())

    async def _holders(self) -> dict[str, list[str]]:
        return await accounts.holders(self.context)

    async def _days(self) -> list[Day]:
        return await last_days(self.base.database, self.base.clock.now(), self.zone)


class _NotConnected:
    """Stands for a system that the console can't connect to."""

    def __init__(self, why: str) -> None:
        self._why = why

    def of_company(self, _: str | None) -> "_NotConnected":
        return self

    def __getattr__(self, name: str) -> Any:
        raise NotPossible(f"the console can't reach the outside systems: {self._why}")
