"""Who is told of what, when, and by which way, as data: rules, quiet hours, digests and who is on call."""

from datetime import date, time
from typing import Annotated, Literal, get_args

import msgspec

Kind = Literal["assigned", "deadline_near", "deadline_passed", "escalation", "paused", "away", "silent", "burning"]
"""What people are told: an exception was given to them; its deadline is near, has passed, and has passed for long; an
interface is paused, or its system away for long; nothing came where something should; an objective's budget burns."""
KINDS: tuple[Kind, ...] = get_args(Kind)
OF_EXCEPTIONS: frozenset[Kind] = frozenset({"assigned", "deadline_near", "deadline_passed", "escalation"})
"""What is about one exception, and so may be about a facility."""

Recipients = Literal["operations", "finance", "steward", "engineer", "auditor", "administrator"]
"""The roles of people; a test holds them to `access.roles`."""
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
"""In the order in which Python counts them."""

_Code = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
_PersonName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9._-]{1,39}$")]
_Variable = Annotated[str, msgspec.Meta(pattern=r"^SUTURE_[A-Z0-9_]+$")]
_Url = Annotated[str, msgspec.Meta(pattern=r"^https?://\S+$")]
_Host = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$")]
_Address = Annotated[str, msgspec.Meta(pattern=r"^[^@\s<>]+@[^@\s<>]+$", max_length=254)]
_Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
_OfDay = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
_Minutes = Annotated[float, msgspec.Meta(gt=0)]
_NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Strict about names, as all of the catalogue."""


class Mail(_Part, frozen=True, kw_only=True):
    """The mail server. It is spoken to by TLS alone, from the first byte (``tls``) or after STARTTLS (``starttls``),
    and its certificate is checked, by the machine's authorities or by those in the file `authority`. `secret` names
    the variable (or secret file) with the password of `login`."""

    host: _Host
    port: _Port = 587
    security: Literal["starttls", "tls"] = "starttls"
    sender: _Address
    login: str | None = None
    secret: _Variable | None = None
    authority: str | None = None


class Webhook(_Part, frozen=True, kw_only=True):
    """Where notices go as signed webhooks (Standard Webhooks). `secret` names the variable with the signing secret."""

    url: _Url
    secret: _Variable


class Quiet(_Part, frozen=True, kw_only=True):
    """When people are left alone: from one time of day until another (past midnight where that is earlier), and all
    day on these `days`, in the zone of the facility that a notice is about, else the organisation's."""

    start: _OfDay | None = msgspec.field(default=None, name="from")
    until: _OfDay | None = None
    days: tuple[Weekday, ...] = ()


class Turn(_Part, frozen=True, kw_only=True):
    """When a person is on call: on these `days` (none: every day), from the `first` to the `last` date."""

    person: _PersonName
    days: tuple[Weekday, ...] = ()
    first: date | None = None
    last: date | None = None


class ExpectedFeed(_Part, frozen=True, kw_only=True):
    """When an interface's silence is worth a word: nothing came for so many minutes, within these hours of these days
    (none: all days) in the organisation's zone."""

    after_minutes: _Minutes
    start: _OfDay = msgspec.field(default="00:00", name="from")
    until: _OfDay = "23:59"
    days: tuple[Weekday, ...] = ()


class Telling(_Part, frozen=True, kw_only=True):
    """Who is told of these `kinds`: whom it is assigned to (`assignee`), everyone with one of these `roles`, `people`
    by name, who is on call in these rotas (`on_call`), and `webhooks`. With `facilities` only what is about a visit at
    one of those. `digest` keeps it for one message at that time of day."""

    kinds: tuple[Kind, ...]
    assignee: bool = False
    roles: tuple[Recipients, ...] = ()
    people: tuple[_PersonName, ...] = ()
    on_call: tuple[_Code, ...] = ()
    webhooks: tuple[_Code, ...] = ()
    facilities: tuple[_Code, ...] = ()
    digest: _OfDay | None = None


class Notifications(_Part, frozen=True, kw_only=True):
    """Nobody is told anything unless a rule says so.

    `urgent` kinds reach who is on call at once, in quiet hours too. A deadline is near `near_hours` before it, and
    escalates `escalate_hours` after it. A system is away once its gate was shut for `away_minutes`. `silent` says of
    which interfaces silence is told.
    """

    mail: Mail | None = None
    webhooks: dict[_Code, Webhook] = {}
    rules: tuple[Telling, ...] = ()
    quiet: Quiet | None = None
    rotas: dict[_Code, tuple[Turn, ...]] = {}
    urgent: tuple[Kind, ...] = ("escalation", "paused", "away", "burning")
    near_hours: _NotNegative = 2.0
    escalate_hours: _NotNegative = 4.0
    away_minutes: _Minutes = 15.0
    silent: dict[_Code, ExpectedFeed] = {}

    @property
    def wanted(self) -> frozenset[Kind]:
        """What anybody is told of."""
        return frozenset(kind for rule in self.rules for kind in rule.kinds)

    @property
    def named(self) -> frozenset[str]:
        """The people whom rules and rotas name."""
        turns = (turn.person for turns in self.rotas.values() for turn in turns)
        return frozenset(turns) | {name for rule in self.rules for name in rule.people}

    @property
    def secrets(self) -> frozenset[str]:
        """The variables that the ways out need."""
        mail = {self.mail.secret} if self.mail is not None and self.mail.secret is not None else set()
        return frozenset(mail | {hook.secret for hook in self.webhooks.values()})


def of_day(told: str) -> time:
    """A time of day as the catalogue writes it."""
    return time.fromisoformat(told)
