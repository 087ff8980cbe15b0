"""What a catalogue says. Field names here are the YAML's; docstrings say what a field means and its unit."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec

from suture.canonical.records import Component, PricedLine, ServiceLine
from suture.catalogue.acts import Act
from suture.catalogue.manifest import Manifest, Role
from suture.catalogue.notifications import Notifications
from suture.catalogue.reconciliation import ReconciliationPolicy
from suture.catalogue.registry import manifests
from suture.core.money import Money, total

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Code = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Variable = Annotated[str, msgspec.Meta(pattern=r"^SUTURE_[A-Z0-9_]+$")]
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]
Url = Annotated[str, msgspec.Meta(pattern=r"^https?://\S+$")]
Count = Annotated[int, msgspec.Meta(ge=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]

_MOST_DOUBLINGS = 64


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the catalogue: frozen, and strict about names, so that a misspelt setting is never ignored."""


class Organisation(_Part, frozen=True, kw_only=True):
    id: Code
    name: Name
    currency: Currency
    timezone: Name


class Facility(_Part, frozen=True, kw_only=True):
    """Where care is given. `company` is the ledger's company, by name, in whose books it is; unset, the system's own.
    `timezone` is the one in which its days begin and end; unset, the organisation's."""

    code: Code
    name: Name
    company: Name | None = None
    timezone: Name | None = None


class System(_Part, frozen=True, kw_only=True):
    """An outside system. `secret` names the environment variable (or secret file) with its token or API key.

    `kind` is a connector's (`catalogue.manifest`). `concurrency` bounds the calls under way and `rate` the calls begun
    in a second, both from all workers together; `timeout` bounds one call (seconds). `settings` is what the connector
    asks for besides, of the type that its manifest names: in the file it stands beside the rest.
    """

    kind: Name
    url: Url
    owner: Name
    purpose: Name
    secret: Variable
    concurrency: Count = 8
    rate: Positive | None = None
    timeout: Count = 60
    settings: Any = None

    @property
    def manifest(self) -> Manifest:
        return manifests()[self.kind]

    @property
    def label(self) -> str:
        """What people call it."""
        return self.manifest.label


class Retry(_Part, frozen=True, kw_only=True):
    """How long a step is tried: `first` seconds, doubled each time with jitter up to `longest`, `attempts` in all and
    no longer than `within` seconds. Time in which the system's breaker is open counts for neither.
    """

    attempts: Count = 10
    first: Positive = 0.5
    longest: Positive = 60.0
    within: Positive = 3600.0

    def wait(self, attempt: int, jitter: float) -> timedelta:
        """How long to wait after the `attempt`-th failure (from 1); `jitter` is in [0, 1)."""
        seconds = min(self.first * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS), self.longest)
        return timedelta(seconds=seconds * (0.5 + jitter / 2))


class Breaker(_Part, frozen=True, kw_only=True):
    """When calls to a system stop: after `count` failed ones within `within` seconds that are at least `share` of all.

    It is tried again after `pause` seconds, doubled after each try in vain up to `longest_pause`.
    """

    count: Count = 8
    share: Share = 0.5
    within: Positive = 30.0
    pause: Positive = 5.0
    longest_pause: Positive = 60.0


class PauseAfter(_Part, frozen=True, kw_only=True):
    """When an interface pauses by itself until a person resumes it: after `count` refusals within `within` seconds that
    are at least `share` of all outcomes. A bad deployment must not turn a day's work into exceptions."""

    count: Count = 50
    share: Share = 0.5
    within: Positive = 300.0


class Slo(_Part, frozen=True, kw_only=True):
    """What an interface is held to: `objective` is the share of what came, or was to be done, that is done within
    `within_seconds`, over `window_days`."""

    objective: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.995
    within_seconds: Positive = 300.0
    window_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 28


class Interface(_Part, frozen=True, kw_only=True):
    """A governed way in or out.

    `contract` names what travels on it; `signing_keys` the environment variables with Standard Webhooks secrets, all
    valid at once so that they can be rotated. An interface that is read (``ledger-change.v1``) has none: it is
    looked at every `poll_seconds`, and at once when somebody calls who knows its `hint_secret`. `max_body_kib` bounds a
    delivery; `retention_days` is how long raw deliveries are kept. `retry` holds for every step, `retry_by_step` for
    those it names. `drain` is how many suspended processes go on in a second once the system is back. An exception is
    to be decided within `sla_hours`; `undo_after_hours` (0: at once) undoes what nobody decided by then, None leaves it
    waiting. `slo` is what the interface is held to.
    """

    system: Code
    direction: Literal["in", "out"]
    contract: Name
    owner: Name
    purpose: Name
    signing_keys: tuple[Variable, ...] = ()
    poll_seconds: Positive = 30.0
    hint_secret: Variable | None = None
    max_body_kib: Count = 512
    retention_days: Count = 365
    retry: Retry = Retry()
    retry_by_step: dict[str, Retry] = {}
    breaker: Breaker = Breaker()
    pause_after: PauseAfter = PauseAfter()
    drain: Positive = 50.0
    sla_hours: Positive = 24.0
    slo: Slo | None = None
    undo_after_hours: Annotated[float, msgspec.Meta(ge=0)] | None = None


class CodeTable(_Part, frozen=True, kw_only=True):
    """Maps a source's codes to the organisation's own. Keys are ``system|code``, or a bare code."""

    owner: Name
    purpose: Name
    rows: dict[str, str]


class Policy(_Part, frozen=True, kw_only=True):
    """The system of record for fields of an entity; nobody else may write them."""

    entity: Code
    fields: tuple[Code, ...]
    system: Code


class Product(_Part, frozen=True, kw_only=True):
    """A stocked article that kits are made of. With `lots` each unit belongs to one, and the ledger asks which."""

    code: Code
    name: Name
    lots: bool = False


class Service(_Part, frozen=True, kw_only=True):
    """A billable service. `name` goes on invoices, so it says nothing clinical; `kit` is what one unit uses up.

    `compensation` is the practitioner's share of the charge, where it isn't the default; `taxes` are names of the
    ledger's sales taxes, none for what is exempt.
    """

    code: Code
    name: Name
    taxes: tuple[Name, ...] = ()
    kit: tuple[Component, ...] = ()
    compensation: Decimal | None = None


class AdjustmentAccount(_Part, frozen=True, kw_only=True):
    """Where amounts go that a payer adjusts away. Without an `account` they stay open, as a denial under appeal does.

    `kind` decides the type of an account that is created: ``contractual`` income, ``denial`` and ``provider`` expense.
    """

    name: Name
    account: str = ""
    kind: Literal["contractual", "denial", "provider"] = "contractual"


class LedgerSettings(_Part, frozen=True, kw_only=True):
    """Account and journal codes in the ledger. A missing account is created; an empty journal is found by its type.

    `adjustments` are by X12 group and reason (``CO-45``), by group (``CO``), and for what a payer keeps beside its
    claims by ``PLB-`` and the reason, or ``PLB``: the most exact one counts, and a reason without any is refused. A
    total that the ledger rounds differently gets a line on `rounding_account` of at most `rounding_limit`, or is
    refused where there is none. Invoices are due after `payment_term_days`, unless their partner has payment terms of
    its own there. `overpayments` are refused, or kept as a credit of who paid.
    """

    income_account: Code
    compensation_expense_account: Code
    compensation_liability_account: Code
    clearing_account: Code
    remittance_clearing_account: Code = "101490"
    write_off_account: Code = "659000"
    unbilled_account: Code = "121900"
    rounding_account: str = ""
    rounding_limit: Decimal = Decimal("0.05")
    payment_term_days: Annotated[int, msgspec.Meta(ge=0, le=365)] = 30
    adjustments: dict[str, AdjustmentAccount] = {}
    overpayments: Literal["refuse", "keep"] = "refuse"
    sale_journal: str = ""
    bank_journal: str = ""
    general_journal: str = ""


class Compensation(_Part, frozen=True, kw_only=True):
    """`default_share` of the charge is accrued to the practitioner, for services that say nothing else."""

    default_share: Decimal


class Catalogue(_Part, frozen=True, kw_only=True):
    """The whole catalogue. `four_eyes` are the acts that one person asks for and another approves."""

    version: Literal[1]
    organisation: Organisation
    facilities: tuple[Facility, ...]
    systems: dict[str, System]
    interfaces: dict[str, Interface]
    system_of_record: tuple[Policy, ...]
    code_tables: dict[str, CodeTable]
    products: tuple[Product, ...]
    services: tuple[Service, ...]
    ledger: LedgerSettings
    compensation: Compensation
    reconciliation: ReconciliationPolicy = ReconciliationPolicy()
    notifications: Notifications = Notifications()
    four_eyes: tuple[Act, ...] = ()

    def system_of(self, role: Role) -> tuple[str, System]:
        """The one system in a role, with its name. `load` guarantees that there is exactly one."""
        return next((name, system) for name, system in self.systems.items() if role in system.manifest.roles)

    def label(self, role: Role) -> str:
        """What people call the system in a role."""
        return self.system_of(role)[1].label

    def company_of(self, facility: str | None) -> str | None:
        """The ledger's company of a facility, by name; None is the system's own."""
        return next((place.company for place in self.facilities if place.code == facility), None)

    def companies(self) -> tuple[str | None, ...]:
        """Every company of the ledger that a facility is in, the system's own first."""
        return (None, *sorted({place.company for place in self.facilities if place.company}))

    def polled(self) -> tuple[str, Interface] | None:
        """The interface by which others' changes in the ledger are read, with its name, where there is one."""
        return next(((n, i) for n, i in self.interfaces.items() if self.is_polled(i)), None)

    def is_polled(self, interface: Interface) -> bool:
        """Whether what comes on an interface is read by us, not sent to us."""
        system = self.systems.get(interface.system)
        return system is not None and interface.contract in system.manifest.polled

    def outbound(self, system: str) -> Interface:
        """The interface by which we write to a system."""
        return next(i for i in self.interfaces.values() if i.system == system and i.direction == "out")


class ServiceIndex:
    """Services by code, for those who look many up."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    @cached_property
    def by_code(self) -> dict[str, Service]:
        return {service.code: service for service in self._catalogue.services}

    def share(self, code: str) -> Decimal:
        """The practitioner's share of a service's charge, in [0, 1]."""
        own = self.by_code[code].compensation
        return self._catalogue.compensation.default_share if own is None else own

    def components(self, lines: Iterable[ServiceLine | PricedLine]) -> tuple[Component, ...]:
        """What services use up: their kits times their quantity, one component a product. Raises `KeyError`."""
        used: dict[str, Decimal] = {}
        for line in lines:
            for component in self.by_code[line.service].kit:
                used[component.product] = used.get(component.product, Decimal(0)) + component.quantity * line.quantity
        return tuple(Component(product=product, quantity=quantity) for product, quantity in sorted(used.items()))

    def compensation(self, lines: Iterable[PricedLine], currency: str) -> Money:
        """The practitioner's share of a charge's lines, service by service, rounded once. Raises `KeyError`."""
        shares = (Money(line.quantity * line.unit_price * self.share(line.service), currency) for line in lines)
        return total(shares, currency).rounded()
