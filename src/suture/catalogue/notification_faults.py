"""What is wrong with a catalogue's notifications that their types can't see, with its place in the file."""

from collections.abc import Iterable, Iterator, Sequence

from suture.catalogue.model import Catalogue
from suture.catalogue.notifications import OF_EXCEPTIONS, WEEKDAYS, Notifications, Telling, Turn

Fault = tuple[tuple[str | int, ...], str]

_HERE = "notifications"


def bad_notifications(catalogue: Catalogue) -> Iterator[Fault]:
    """Rules that reach nobody or name nothing there is, hours that never end, and ways that can't be gone."""
    told = catalogue.notifications
    yield from _bad_mail(told)
    yield from _bad_quiet(told)
    yield from _bad_rotas(told)
    yield from _bad_feeds(catalogue)
    for number, rule in enumerate(told.rules):
        yield from _bad_rule(catalogue, rule, (_HERE, "rules", number))


def _bad_mail(told: Notifications) -> Iterator[Fault]:
    if told.mail is not None and (told.mail.login is None) != (told.mail.secret is None):
        yield (_HERE, "mail"), "`login` and `secret` go together: give both, or neither if the server requires none"
    people = any(rule.assignee or rule.roles or rule.people or rule.on_call for rule in told.rules)
    if people and told.mail is None:
        yield (
            (_HERE, "rules"),
            "people are notified by e-mail: give `mail` with the server's host and the sender's address",
        )


def _bad_quiet(told: Notifications) -> Iterator[Fault]:
    quiet, place = told.quiet, (_HERE, "quiet")
    if quiet is None:
        return
    if (quiet.start is None) != (quiet.until is None):
        yield place, "`from` and `until` go together"
    elif quiet.start is not None and quiet.start == quiet.until:
        yield place, "it begins and ends at the same time; for whole days give `days`"
    if set(quiet.days) == set(WEEKDAYS):
        yield place, "every day is quiet: no notification would ever be sent"


def _bad_rotas(told: Notifications) -> Iterator[Fault]:
    for name, turns in told.rotas.items():
        if not turns:
            yield (_HERE, "rotas", name), f"nobody has a turn in the rota {name}"
        for number, turn in enumerate(turns):
            place = (_HERE, "rotas", name, number)
            if turn.first is not None and turn.last is not None and turn.last < turn.first:
                yield place, f"{turn.person}'s turn ends on {turn.last}, before it begins on {turn.first}"
            if number and _always(turns[:number]):
                yield place, f"{turn.person} never has a turn: an earlier entry always applies; put exceptions first"


def _always(turns: Sequence[Turn]) -> bool:
    return any(not turn.days and turn.first is None and turn.last is None for turn in turns)


def _bad_feeds(catalogue: Catalogue) -> Iterator[Fault]:
    for name, feed in catalogue.notifications.silent.items():
        place = (_HERE, "silent", name)
        interface = catalogue.interfaces.get(name)
        if interface is None or interface.direction != "in":
            inbound = (key for key, one in catalogue.interfaces.items() if one.direction == "in")
            yield place, _none("inbound interface", name, inbound)
        if feed.until <= feed.start:
            yield place, "`until` is to come after `from`, on the same day"


def _bad_rule(catalogue: Catalogue, rule: Telling, place: tuple[str | int, ...]) -> Iterator[Fault]:
    told = catalogue.notifications
    if not (rule.assignee or rule.roles or rule.people or rule.on_call or rule.webhooks):
        yield place, "it has no recipient: give `assignee: true`, `roles`, `people`, `on_call` or `webhooks`"
    named: tuple[tuple[str, str, Iterable[str], Iterable[str]], ...] = (
        ("on_call", "rota", rule.on_call, told.rotas),
        ("webhooks", "webhook", rule.webhooks, told.webhooks),
        ("facilities", "facility", rule.facilities, [facility.code for facility in catalogue.facilities]),
    )
    for field, what, names, known in named:
        yield from (((*place, field), _none(what, name, known)) for name in names if name not in known)
    yield from (((*place, field), words) for field, words in _bad_kinds(catalogue, rule))


def _bad_kinds(catalogue: Catalogue, rule: Telling) -> Iterator[tuple[str, str]]:
    """Kinds that there can't be, or that lack what the rule asks of them; with the field that is wrong."""
    if not rule.kinds:
        yield "kinds", "it names no kind: give at least one"
        return
    of_visits = OF_EXCEPTIONS.intersection(rule.kinds)
    if rule.facilities and not of_visits:
        yield "facilities", "none of its kinds is about a visit: notices about interfaces have no facility"
    if rule.assignee and not of_visits:
        yield "assignee", f"none of its kinds has an assignee; these have: {', '.join(sorted(OF_EXCEPTIONS))}"
    if "silent" in rule.kinds and not catalogue.notifications.silent:
        yield "kinds", "`silent` needs `silent: {INTERFACE: {after_minutes: …}}` beside the rules"
    if "burning" in rule.kinds and not any(one.slo for one in catalogue.interfaces.values()):
        yield "kinds", "`burning` needs an interface with an `slo`"


def _none(what: str, name: str, known: Iterable[str]) -> str:
    return f"there is no {what} {name!r}; there is: {', '.join(sorted(known)) or 'none'}"
