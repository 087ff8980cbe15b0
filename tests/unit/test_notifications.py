"""Who is told of what, by which way and when; and that no message can be about a patient."""

from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest
from ruamel.yaml import YAML

from suture.access.roles import OF_PEOPLE
from suture.catalogue import Catalogue, CatalogueError, parse
from suture.catalogue.days import Days
from suture.catalogue.notifications import KINDS, Kind, Notifications, Recipients
from suture.catalogue.write import tailored, template
from suture.notify.addressing import Addressing, Reader, after_quiet, is_on_call, next_at, on_call
from suture.notify.expecting import expected, quiet_words, urgent_words
from suture.notify.matters import HEADINGS, PAGES, Matter, burning, line, silence, summary
from suture.notify.port import Note, Outgoing
from suture.notify.wording import Wording
from suture.views.objectives import WINDOWS

NEW_YORK, HONOLULU = ZoneInfo("America/New_York"), ZoneInfo("Pacific/Honolulu")
MONDAY = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
"""10:00 in New York, 05:00 in Honolulu."""
READERS = [
    Reader("ann", frozenset({"finance"})),
    Reader("bea", frozenset({"engineer", "finance"})),
    Reader("cy", frozenset({"auditor"})),
]
MAIL = {"host": "smtp.example.org", "sender": "suture@example.org"}
PAGER = {"pager": {"url": "https://pager.example.org/x", "secret": "SUTURE_PAGER_SECRET"}}


def rules(*told: dict[str, Any], **besides: Any) -> Notifications:
    return msgspec.convert({"mail": MAIL, "webhooks": PAGER, "rules": told, **besides}, Notifications)


@pytest.fixture(scope="module")
def days() -> Days:
    places = [
        {"code": "MAIN", "name": "Main"},
        {"code": "WEST", "name": "West", "timezone": "Pacific/Honolulu"},
    ]
    return Days(parse(tailored({"facilities": places}), "catalogue.yaml"))


def matter(kind: Kind = "deadline_passed", **told: Any) -> Matter:
    return Matter(**{"key": "k", "kind": kind, "since": MONDAY, "code": "c", "exception": 7, "assignee": "cy", **told})


def told(by: Notifications, days: Days, about: Matter, now: datetime = MONDAY) -> dict[str, datetime]:
    return {one.recipient: one.due_at for one in Addressing(by, days).of(about, READERS, now)}


WHO: list[tuple[str, dict[str, Any], set[str]]] = [
    ("a role", {"roles": ["finance"]}, {"ann", "bea"}),
    ("two roles, each once", {"roles": ["finance", "engineer"]}, {"ann", "bea"}),
    ("a person, whatever their role", {"people": ["dan"]}, {"dan"}),
    ("whom it is assigned to", {"assignee": True}, {"cy"}),
    ("who is on call", {"on_call": ["desk"]}, {"eve"}),
    ("a receiver", {"webhooks": ["pager"]}, {"pager"}),
    ("its own facility", {"roles": ["finance"], "facilities": ["MAIN"]}, {"ann", "bea"}),
    ("another facility", {"roles": ["finance"], "facilities": ["WEST"]}, set()),
    ("another kind", {"kinds": ["paused"], "roles": ["finance"]}, set()),
]


@pytest.mark.parametrize(("rule", "who"), [row[1:] for row in WHO], ids=[row[0] for row in WHO])
def test_a_rule_reaches(rule: dict[str, Any], who: set[str], days: Days) -> None:
    by = rules({"kinds": ["deadline_passed"], **rule}, rotas={"desk": [{"person": "eve"}]})
    assert set(told(by, days, matter(facility="MAIN"))) == who


def test_nobody_is_told_of_anything_unless_a_rule_says_so(days: Days) -> None:
    assert [told(Notifications(), days, matter(kind)) for kind in KINDS] == [{}] * len(KINDS)


def test_what_is_about_no_visit_is_no_facilitys(days: Days) -> None:
    by = rules({"kinds": list(KINDS), "roles": ["finance"], "facilities": ["MAIN"]})
    assert told(by, days, matter("paused", exception=None, interface="billing-api")) == {}


def test_what_is_assigned_to_nobody_has_no_assignee_to_tell(days: Days) -> None:
    assert told(rules({"kinds": ["deadline_passed"], "assignee": True}), days, matter(assignee=None)) == {}


def test_of_two_rules_that_reach_one_person_the_sooner_counts(days: Days) -> None:
    digest = {"kinds": ["deadline_passed"], "roles": ["finance"], "digest": "08:00"}
    at_once = {"kinds": ["deadline_passed"], "people": ["ann"]}
    for told_in in ((digest, at_once), (at_once, digest)):
        assert told(rules(*told_in), days, matter())["ann"] == MONDAY


def quiet(**hours: Any) -> dict[str, Any]:
    return {"quiet": {"from": "20:00", "until": "07:00", **hours}}


QUIET = [
    ("in the evening", "2026-03-02 21:00", {}, "2026-03-03 07:00"),
    ("in the small hours", "2026-03-03 03:00", {}, "2026-03-03 07:00"),
    ("as it begins", "2026-03-02 20:00", {}, "2026-03-03 07:00"),
    ("as it ends", "2026-03-03 07:00", {}, "2026-03-03 07:00"),
    ("by day", "2026-03-02 12:00", {}, "2026-03-02 12:00"),
    ("within a day", "2026-03-02 12:30", {"from": "12:00", "until": "13:00"}, "2026-03-02 13:00"),
    ("after it, within a day", "2026-03-02 14:30", {"from": "12:00", "until": "13:00"}, "2026-03-02 14:30"),
    ("before a quiet weekend", "2026-03-06 21:00", {"days": ["sat", "sun"]}, "2026-03-09 07:00"),
    ("on a quiet day", "2026-03-07 12:00", {"days": ["sat", "sun"]}, "2026-03-09 07:00"),
    ("days alone", "2026-03-07 12:00", {"from": None, "until": None, "days": ["sat"]}, "2026-03-08 00:00"),
    ("when clocks go forward in it", "2026-03-07 21:00", {}, "2026-03-08 07:00"),
    ("when it ends in the hour that is left out", "2026-03-07 23:00", {"until": "02:30"}, "2026-03-08 03:30"),
]


@pytest.mark.parametrize(("at", "hours", "due"), [row[1:] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet_hours_end(at: str, hours: dict[str, Any], due: str) -> None:
    by = rules(**quiet(**hours))
    local, ends = (datetime.fromisoformat(told).replace(tzinfo=NEW_YORK) for told in (at, due))
    assert after_quiet(by.quiet, NEW_YORK, local.astimezone(UTC)) == ends.astimezone(UTC)


def test_nothing_is_told_in_quiet_hours_nor_before_it_happened() -> None:
    by = rules(**quiet(days=["sun"]))
    for minute in range(0, 14 * 24 * 60, 7):
        at = MONDAY + timedelta(minutes=minute)
        due = after_quiet(by.quiet, NEW_YORK, at)
        local = due.astimezone(NEW_YORK)
        assert at <= due <= at + timedelta(hours=11 + 24)
        assert 7 <= local.hour < 20
        assert local.weekday() != 6
        assert after_quiet(by.quiet, NEW_YORK, due) == due


def test_quiet_hours_are_the_facilitys_and_not_a_machines(days: Days) -> None:
    by = rules({"kinds": ["deadline_passed"], "people": ["ann"], "webhooks": ["pager"]}, **quiet())
    assert told(by, days, matter(facility="MAIN")) == {"ann": MONDAY, "pager": MONDAY}
    west = told(by, days, matter(facility="WEST"))
    assert west == {"ann": datetime(2026, 3, 2, 7, tzinfo=HONOLULU), "pager": MONDAY}


DIGEST = [
    ("2026-03-02 07:59", "2026-03-02 08:00"),
    ("2026-03-02 08:00", "2026-03-02 08:00"),
    ("2026-03-02 08:01", "2026-03-03 08:00"),
]


@pytest.mark.parametrize(("at", "due"), DIGEST)
def test_a_digest_is_kept_for_its_hour(at: str, due: str, days: Days) -> None:
    now, then = (datetime.fromisoformat(told).replace(tzinfo=NEW_YORK).astimezone(UTC) for told in (at, due))
    by = rules({"kinds": ["deadline_passed"], "people": ["ann"], "webhooks": ["pager"], "digest": "08:00"})
    assert told(by, days, matter(), now) == {"ann": then, "pager": then}
    assert next_at(then.astimezone(NEW_YORK).time(), NEW_YORK, now) == then


ROTA = {
    "desk": [
        {"person": "bea", "first": "2026-12-24", "last": "2026-12-26"},
        {"person": "ann", "days": ["mon", "tue"], "last": "2026-12-31"},
        {"person": "cy", "days": ["wed", "thu", "fri"]},
    ]
}
TURNS = [
    (date(2026, 12, 21), "ann"),
    (date(2026, 12, 23), "cy"),
    (date(2026, 12, 24), "bea"),
    (date(2026, 12, 26), "bea"),
    (date(2026, 12, 27), None),
    (date(2026, 12, 29), "ann"),
    (date(2027, 1, 4), None),
    (date(2027, 1, 6), "cy"),
]


@pytest.mark.parametrize(("day", "person"), TURNS)
def test_who_is_on_call_is_the_first_whose_turn_fits_the_day(day: date, person: str | None) -> None:
    by = rules(rotas=ROTA)
    assert on_call(by, "desk", day) == person
    assert {name for name in ("ann", "bea", "cy") if is_on_call(by, name, day)} == ({person} - {None})


URGENT, LATE = ["paused", "escalation"], datetime(2026, 3, 3, 4, tzinfo=UTC)
"""23:00 on a Monday in New York."""
MORNING = datetime(2026, 3, 3, 7, tzinfo=NEW_YORK)


@pytest.mark.parametrize(("kind", "on", "digest"), list(product(KINDS, (True, False), (None, "09:00"))))
def test_only_what_is_urgent_wakes_and_only_who_is_on_call(
    kind: Kind, on: bool, digest: str | None, days: Days
) -> None:
    rota = {"desk": [{"person": "ann" if on else "bea"}]}
    by = rules({"kinds": [kind], "people": ["ann"], "digest": digest}, urgent=URGENT, rotas=rota, **quiet())
    later = MORNING if digest is None else MORNING + timedelta(hours=2)
    assert told(by, days, matter(kind), LATE) == {"ann": LATE if on and kind in URGENT else later}


def test_a_person_reads_what_they_are_told_why_and_when() -> None:
    by = rules(
        {"kinds": ["assigned", "deadline_near"], "assignee": True},
        {"kinds": ["deadline_passed"], "roles": ["finance"], "facilities": ["MAIN"], "digest": "08:00"},
        {"kinds": ["paused"], "on_call": ["desk"]},
        {"kinds": ["silent"], "roles": ["auditor"]},
        {"kinds": ["burning"], "webhooks": ["pager"]},
        rotas=ROTA,
        urgent=["paused"],
        **quiet(days=["sat", "sun"]),
    )
    monday, friday = date(2026, 12, 21), date(2026, 12, 18)
    assert [(one.what, one.why, one.when) for one in expected(by, "ann", ["finance"], monday)] == [
        ("exceptions that are assigned and deadlines that are near", "where it is assigned to you", "at once"),
        ("deadlines that have passed, at MAIN", "your role is finance", "at 08:00, in one message"),
        ("interfaces that are paused", "while you are on call (desk), as you are today", "at once"),
    ]
    assert expected(by, "ann", [], friday)[1].why == "while you are on call (desk), not today"
    assert expected(Notifications(), "ann", ["finance"], monday) == []
    assert quiet_words(by.quiet) == "from 20:00 until 07:00 and on Saturday and Sunday"
    assert urgent_words(by) == "interfaces that are paused"


FEED = {"after_minutes": 90, "from": "08:00", "until": "18:00", "days": ["mon", "tue"]}
SILENCE = [
    ("nothing since it opened", "2026-03-02 09:30", None, "2026-03-02 08:00"),
    ("not long enough yet", "2026-03-02 09:29", None, None),
    ("the night counts for nothing", "2026-03-02 09:00", "2026-03-01 17:00", None),
    ("since the last one", "2026-03-02 12:00", "2026-03-02 10:30", "2026-03-02 10:30"),
    ("one came", "2026-03-02 12:00", "2026-03-02 11:00", None),
    ("before hours", "2026-03-02 07:00", None, None),
    ("after hours", "2026-03-02 18:01", None, None),
    ("on another day", "2026-03-04 12:00", None, None),
]


@pytest.mark.parametrize(("now", "last", "since"), [row[1:] for row in SILENCE], ids=[row[0] for row in SILENCE])
def test_silence_counts_in_the_hours_when_something_is_to_come(now: str, last: str | None, since: str | None) -> None:
    feed = rules(silent={"feed": FEED}).silent["feed"]
    at, came, found = (told and datetime.fromisoformat(told).replace(tzinfo=NEW_YORK) for told in (now, last, since))
    assert at is not None
    assert silence(feed, NEW_YORK, came, at) == found


def test_a_budget_burns_where_a_long_and_a_short_window_agree() -> None:
    calm = dict.fromkeys(WINDOWS, 0.0)
    assert {window for long, short, _ in PAGES for window in (long, short)} <= set(WINDOWS)
    assert burning(calm) is None
    assert burning({**calm, "1h": 20.0}) is None, "it is over"
    assert burning({**calm, "1h": 20.0, "5m": 20.0}) == 20.0
    assert burning({**calm, "6h": 7.0, "30m": 7.0}) == 7.0


def test_the_roles_that_rules_may_name_are_those_of_people() -> None:
    assert set(msgspec.inspect.type_info(Recipients).values) == set(OF_PEOPLE)  # type: ignore[attr-defined]


SHAPES = [
    matter("assigned"),
    matter("deadline_near", facility="MAIN", interface="billing-api"),
    matter("deadline_passed"),
    matter("escalation"),
    *(matter(kind, exception=None, interface="billing-api", code="no_answer") for kind in ("paused", "away")),
    matter("silent", exception=None, interface="billing-api"),
    matter("burning", exception=None, interface="billing-api", code="15.0"),
]


def note(about: Matter) -> Note:
    return Note(kind=about.kind, text=line(about, NEW_YORK), path=about.path, since=about.since)


@pytest.mark.parametrize("about", SHAPES, ids=[one.kind for one in SHAPES])
def test_a_line_says_what_when_and_where_it_stands(about: Matter) -> None:
    text = line(about, NEW_YORK)
    assert "2026-03-02 10:00 EST" in text
    assert ("Exception 7 (c" in text) == (about.exception is not None)
    assert about.path == ("/exceptions/7" if about.exception else "/interfaces/billing-api")
    assert len(text) < 160
    assert "\n" not in text


def test_every_kind_has_words() -> None:
    assert {one.kind for one in SHAPES} == set(KINDS) == set(HEADINGS) - {"trial"}
    assert summary(["paused", "deadline_passed", "deadline_passed"]) == "2 deadlines have passed, 1 interface is paused"


def test_a_message_sums_up_and_links_to_the_console() -> None:
    wording = Wording("harbour-clinics", "https://suture.example.org")
    many = [note(matter(key=str(number), exception=number)) for number in range(1, 31)]
    message = Outgoing(id=uuid4(), to="x", made_at=MONDAY, notes=[*many, note(SHAPES[4])])
    assert wording.subject(message) == "Suture: 30 deadlines have passed, 1 interface is paused"
    text = wording.text(message)
    assert "https://suture.example.org/exceptions/20\n" in text
    assert "/exceptions/21" not in text
    assert "and 10 more: https://suture.example.org/" in text
    assert "https://suture.example.org/interfaces/billing-api" in text
    body = msgspec.json.decode(wording.body(message))
    assert [one["url"].rpartition("/")[2] for one in body["notices"]] == [*map(str, range(1, 31)), "billing-api"]
    alone = msgspec.structs.replace(message, notes=many[:1])
    assert wording.subject(alone) == f"Suture: {many[0].text}"


def test_a_matter_has_no_place_for_a_patient() -> None:
    places = {field.name for field in msgspec.structs.fields(Matter)}
    assert places == {"key", "kind", "since", "code", "interface", "exception", "facility", "assignee"}


def notified(text: str) -> str:
    """The template with notifications."""
    return template() + "\nnotifications:\n" + "".join(f"  {one}\n" for one in text.strip().splitlines())


USUAL = """
mail: {host: smtp.example.org, sender: suture@example.org}
webhooks: {pager: {url: "https://pager.example.org/x", secret: SUTURE_PAGER_SECRET}}
rotas: {desk: [{person: ann}]}
rules:
  - {kinds: [deadline_passed], roles: [finance], facilities: [MAIN]}
"""
FAULTS = [
    ("roles: [finance]", "roles: [boss]", "there is no 'boss' here; allowed: administrator, auditor"),
    ("kinds: [deadline_passed]", "kinds: [deadline]", "there is no 'deadline' here"),
    ("kinds: [deadline_passed]", "kinds: []", "it names no kind"),
    ("roles: [finance]", "roles: []", "it has no recipient: give `assignee: true`"),
    ("roles: [finance]", "on_call: [night]", "there is no rota 'night'; there is: desk"),
    ("roles: [finance]", "webhooks: [page]", "there is no webhook 'page'; there is: pager"),
    ("facilities: [MAIN]", "facilities: [MOON]", "there is no facility 'MOON'; there is: MAIN"),
    ("kinds: [deadline_passed]", "kinds: [paused]", "none of its kinds is about a visit"),
    ("roles: [finance], facilities: [MAIN]", "digest: '25:00', roles: [finance]", "matching regex"),
    (
        "kinds: [deadline_passed], roles: [finance], facilities: [MAIN]",
        "kinds: [silent], roles: [finance]",
        "`silent` needs",
    ),
    (
        "kinds: [deadline_passed], roles: [finance], facilities: [MAIN]",
        "kinds: [paused], assignee: true",
        "none of its kinds has an assignee",
    ),
    ("mail: {host: smtp.example.org, sender: suture@example.org}\n", "", "people are notified by e-mail: give `mail`"),
    ("sender: suture@example.org", "sender: suture@example.org, login: x", "`login` and `secret` go together"),
    ("sender: suture@example.org", "sender: suture", "matching regex"),
    (
        "sender: suture@example.org",
        "sender: a@b.org, security: none",
        "there is no 'none' here; allowed: starttls, tls",
    ),
    ("desk: [{person: ann}]", "desk: []", "nobody has a turn in the rota desk"),
    ("[{person: ann}]", "[{person: ann, first: 2026-02-02, last: 2026-01-01}]", "ends on 2026-01-01, before it begins"),
    ("[{person: ann}]", "[{person: ann}, {person: bea, days: [sat]}]", "bea never has a turn"),
    ("rules:", "quiet: {from: '20:00'}\nrules:", "`from` and `until` go together"),
    ("rules:", "quiet: {from: '20:00', until: '20:00'}\nrules:", "it begins and ends at the same time"),
    ("rules:", "quiet: {days: [mon, tue, wed, thu, fri, sat, sun]}\nrules:", "every day is quiet"),
    ("rules:", "silent: {billing-api: {after_minutes: 5}}\nrules:", "there is no inbound interface 'billing-api'"),
    (
        "rules:",
        "silent: {billing-payments: {after_minutes: 5, from: '18:00', until: '08:00'}}\nrules:",
        "on the same day",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "message"), FAULTS, ids=[message for *_, message in FAULTS])
def test_what_is_wrong_is_said_by_line(right: str, wrong: str, message: str) -> None:
    assert right in USUAL
    with pytest.raises(CatalogueError) as caught:
        parse(notified(USUAL.replace(right, wrong)), "catalogue.yaml")
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.line > template().count("\n"), "the line is in the notifications"


def test_the_usual_is_right_and_so_is_the_templates_example(catalogue: Catalogue) -> None:
    assert parse(notified(USUAL), "catalogue.yaml").notifications.wanted == {"deadline_passed"}
    assert catalogue.notifications == Notifications()
    example = template()[template().index("# notifications:") :]
    told = YAML(typ="safe").load("\n".join(row.removeprefix("# ") for row in example.splitlines()))
    full = parse(tailored({"notifications": told["notifications"]}), "catalogue.yaml").notifications
    assert full.wanted == set(KINDS)
    assert full.secrets == {"SUTURE_SMTP_PASSWORD", "SUTURE_PAGER_SECRET"}
    assert full.named == {"ann", "bea"}
