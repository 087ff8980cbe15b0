"""People are told what waits for them: durably, once, encrypted, and never of a patient. With a real mail server (a
process of its own, over TLS) and a real receiver of webhooks."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from standardwebhooks.webhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.browser.conftest import serving_console

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor
from suture.acting.context import CommandContext
from suture.bootstrap.composition import Foundation
from suture.bootstrap.settings import Secrets, Settings
from suture.catalogue import Catalogue, parse
from suture.catalogue.notifications import KINDS
from suture.catalogue.write import tailored
from suture.commands import accounts
from suture.commands import exception_queue as queue
from suture.core.clock import ManualClock
from suture.core.trouble import Trouble
from suture.notify.mail import MailWay
from suture.notify.port import MessageAnswer, Outgoing, Way
from suture.notify.sender import SCHEDULE, Sender
from suture.notify.watcher import Watcher
from suture.notify.webhook import WebhookWay
from suture.notify.wording import Wording
from suture.store import exceptions, gates, notices, people
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.exceptions import ExceptionSelection
from suture.store.recorder import Recorder
from suture_lab.simulators.serving import serving

from .mailing import MailServer

pytestmark = pytest.mark.timeout(60)

SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
CONSOLE = "https://suture.example.org"
MARK = "Zaphod"
"""What only a patient is called."""
BEA = Actor("bea", "for a test", (ADMINISTRATOR,))


@pytest.fixture
def mail_server(tmp_path: Path) -> Iterator[MailServer]:
    server = MailServer(tmp_path).start()
    yield server
    server.stop()


def told_by(rules: list[dict[str, Any]], server: MailServer | None = None, **besides: Any) -> Catalogue:
    """A catalogue with notifications."""
    mail = {
        "host": "localhost",
        "port": server.port if server else 2525,
        "security": "tls" if server and server.mode == "tls" else "starttls",
        "sender": "suture@example.org",
        "login": "suture",
        "secret": "SUTURE_SMTP_PASSWORD",
        "authority": str(server.certificates.authority) if server else None,
        **besides.pop("mail", {}),
    }
    return parse(tailored({"notifications": {"mail": mail, "rules": rules, **besides}}), "catalogue.yaml")


ALL = [kind for kind in KINDS if kind != "silent"]
EVERYTHING = [{"kinds": ALL, "assignee": True, "roles": ["finance"]}]


class Bench:
    """Where people are told something: two people of finance, and a clock that moves when it is told to."""

    def __init__(
        self, database: Database, vault: Vault, clock: ManualClock, catalogue: Catalogue, http: aiohttp.ClientSession
    ) -> None:
        self.database, self.clock, self.catalogue, self._http = database, clock, catalogue, http
        self.context = CommandContext(
            database=database, vault=vault, recorder=Recorder(()), catalogue=catalogue, clock=clock
        )
        self.password: str | None = "s3cret"
        self.wording = Wording(catalogue.organisation.id, CONSOLE)

    def by(self, catalogue: Catalogue) -> "Bench":
        return Bench(self.database, self.context.vault, self.clock, catalogue, self._http)

    @property
    def watcher(self) -> Watcher:
        return Watcher(self.database, self.catalogue, self.clock)

    def ways(self, *, private: bool = True) -> dict[str, Way]:
        told = self.catalogue.notifications
        assert told.mail is not None
        hooks = WebhookWay(told.webhooks, lambda _: SECRET, self.wording, self.clock, self._http, private=private)
        return {"mail": MailWay(told.mail, lambda: self.password, self.wording), "webhook": hooks}

    def sender(self, ways: dict[str, Way] | None = None) -> Sender:
        return Sender(
            database=self.database,
            recorder=self.context.recorder,
            watcher=self.watcher,
            ways=ways or self.ways(),
            clock=self.clock,
        )

    async def person(self, name: str, *roles: str, mail: str | None = None) -> None:
        async with self.database.transaction() as connection:
            address = f"{name}@example.org" if mail is None else mail
            told = {"full_name": name, "email": address, "roles": roles, "provider": None}
            await people.add(connection, name, **told, at=self.clock.now(), by="test")

    async def trouble(self, count: int = 1, *, due: timedelta = timedelta(hours=-1), process: str = "p") -> None:
        """Exceptions about patients of a mark, whose deadline is so far away."""
        async with self.database.transaction() as connection:
            for number in range(count):
                trouble = Trouble(
                    code="code_unmapped",
                    outcome="rejected",
                    reason=f"about {MARK}",
                    remedy=f"ask {MARK}",
                    owner="finance",
                    process=f"{process}:{MARK}:{number}",
                    subject=f"Appointment/{MARK}-{number}",
                )
                await exceptions.put(connection, trouble, self.clock.now() + due - trouble.sla)

    async def look(self) -> None:
        """Whatever was looked at a moment ago, look again."""
        self.clock.advance(timedelta(minutes=4))
        await self.watcher.look()

    async def tell(self) -> int:
        await self.look()
        return await self.sender().send_due()

    async def undeliverable(self, state: str = "open") -> list[exceptions.OpenException]:
        async with self.database.connection() as connection:
            return await exceptions.select(
                connection, ExceptionSelection(state=state, code="notification_undeliverable")
            )

    async def states(self) -> list[tuple[str, str]]:
        async with self.database.connection() as connection:
            found = await notices.listed(connection, "", "", 100)
        return sorted((one.recipient, one.state) for one in found)


@pytest.fixture
async def at(database: Database, vault: Vault, clock: ManualClock) -> AsyncIterator[Bench]:
    async with aiohttp.ClientSession() as http:
        made = Bench(database, vault, clock, told_by(EVERYTHING), http)
        await made.person("ann", "finance")
        await made.person("bea", "finance", "engineer")
        yield made


@pytest.fixture
def it(at: Bench, mail_server: MailServer) -> Bench:
    """By e-mail to everybody of finance, of everything."""
    return at.by(told_by(EVERYTHING, mail_server))


class TestMail:
    async def test_what_is_due_reaches_each_once_encrypted_and_with_a_link(
        self, it: Bench, mail_server: MailServer
    ) -> None:
        await it.trouble()
        assert await it.tell() == 2
        assert await it.tell() == 0
        assert sorted(one["to"] for one in mail_server.taken) == [["ann@example.org"], ["bea@example.org"]]
        assert {one["tls"] for one in mail_server.taken} <= {"TLSv1.2", "TLSv1.3"}
        said = {one["verb"] for one in mail_server.heard if not one["encrypted"]}
        assert said == {"EHLO", "STARTTLS"}, "nothing is said before the certificate was checked"
        mail = mail_server.mails[0]
        assert mail["Subject"] == ("Suture: Exception 1 (code_unmapped) was to be decided by 2026-03-02 09:00 EST")
        assert mail["Auto-Submitted"] == "auto-generated"
        assert f"{CONSOLE}/exceptions/1" in mail.get_content()
        assert await it.states() == [("ann", "sent"), ("bea", "sent")]

    async def test_tls_from_the_first_byte_is_a_way_too(self, at: Bench, tmp_path: Path) -> None:
        server = MailServer(tmp_path, "tls").start()
        it = at.by(told_by(EVERYTHING, server))
        await it.trouble()
        assert await it.tell() == 2
        server.stop()
        assert len(server.taken) == 2

    async def test_many_things_are_one_message(self, it: Bench, mail_server: MailServer) -> None:
        await it.trouble(30)
        await it.trouble(3, due=timedelta(hours=1), process="near")
        assert await it.tell() == 2
        (mail, _) = mail_server.mails
        assert mail["Subject"] == "Suture: 3 deadlines are near, 30 deadlines have passed"
        assert "and 10 more" in mail.get_content()

    async def test_nobody_is_written_to_more_often_than_once_a_minute(self, it: Bench) -> None:
        await it.trouble()
        assert await it.tell() == 2
        await it.trouble(2, process="more")
        await it.watcher.keep(await it.watcher.matters(it.clock.now()), it.clock.now())
        assert await it.sender().send_due() == 0
        it.clock.advance(timedelta(minutes=1))
        assert await it.sender().send_due() == 2

    async def test_a_server_that_is_away_is_tried_again_and_the_message_stays_the_same(
        self, it: Bench, mail_server: MailServer
    ) -> None:
        await it.trouble()
        mail_server.stop()
        assert await it.tell() == 2
        assert await it.sender().send_due() == 0, "not before it is due"
        it.clock.advance(SCHEDULE[0])
        assert await it.sender().send_due() == 2
        assert await it.undeliverable() == [], "it may come back"
        mail_server.start()
        it.clock.advance(SCHEDULE[1])
        assert await it.sender().send_due() == 2
        it.clock.advance(timedelta(days=1))
        assert await it.sender().send_due() == 0
        assert len({mail["Message-ID"] for mail in mail_server.mails}) == len(mail_server.taken) == 2

    async def test_a_server_that_stays_away_is_given_up_with_what_to_do(
        self, it: Bench, mail_server: MailServer
    ) -> None:
        await it.trouble()
        mail_server.stop()
        await it.tell()
        for wait in SCHEDULE:
            it.clock.advance(wait)
            assert await it.sender().send_due() == 2
        it.clock.advance(timedelta(days=2))
        assert await it.sender().send_due() == 0
        assert await it.states() == [("ann", "given_up"), ("bea", "given_up")]
        for one in await it.undeliverable():
            assert "can't be reached (ConnectionRefusedError)" in one.reason
            assert f"localhost:{mail_server.port} brought back" in one.remedy
        mail_server.start()
        await it.trouble(process="later")
        await it.tell()
        assert await it.undeliverable() == [], "messages get through again"
        assert {one.resolved_by for one in await it.undeliverable("resolved")} == {"notification"}

    async def test_two_workers_send_it_once(self, it: Bench, mail_server: MailServer) -> None:
        await it.trouble(5)
        await it.look()
        sent = await asyncio.gather(it.sender().send_due(), it.sender().send_due())
        assert sum(sent) == len(mail_server.taken) == 2

    async def test_a_worker_that_dies_before_it_noted_it_leaves_it_to_another_under_the_same_id(
        self, it: Bench, mail_server: MailServer
    ) -> None:
        await it.trouble()
        await it.look()

        class Gone(BaseException):
            """As a process ends."""

        class Dying:
            async def send(self, message: Outgoing) -> MessageAnswer:
                await it.ways()["mail"].send(message)
                raise Gone

        with pytest.raises(Gone):
            await it.sender({"mail": Dying()}).send_due()
        await it.trouble(process="meanwhile")
        assert await it.sender().send_due() == 0, "another may still be at it"
        it.clock.advance(timedelta(minutes=5))
        await it.watcher.look()
        while await it.sender().send_due():
            pass
        ids = [mail["Message-ID"] for mail in mail_server.mails if mail["To"] == "ann@example.org"]
        subjects = {mail["Message-ID"]: mail["Subject"] for mail in mail_server.mails}
        assert ids[0] == ids[1]
        assert subjects[ids[0]].startswith("Suture: Exception 1 "), "and says the same"

    async def test_a_defect_over_one_message_keeps_nobody_else_from_being_told(
        self, it: Bench, mail_server: MailServer
    ) -> None:
        await it.trouble()
        await it.look()
        sound = it.ways()["mail"]

        class Defective:
            async def send(self, message: Outgoing) -> MessageAnswer:
                if message.to.startswith("ann"):
                    raise KeyError(MARK)
                return await sound.send(message)

        assert await it.sender({"mail": Defective()}).send_due() == 2
        assert await it.states() == [("ann", "waiting"), ("bea", "sent")]

    async def test_a_defect_in_looking_ends_no_worker(self, it: Bench) -> None:
        looks = []

        class Defective:
            async def look(self) -> None:
                looks.append(1)
                raise KeyError(MARK)

        sender = it.sender()
        sender._watcher = Defective()  # type: ignore[assignment]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await sender.run()
        assert looks == [1], "and is not tried without a pause"

    async def test_a_message_that_one_worker_claims_is_no_others_to_wait_for(self, it: Bench) -> None:
        await it.trouble()
        await it.look()
        now = it.clock.now()
        async with it.database.transaction() as connection:
            await notices.bundle(connection, now, timedelta(minutes=1))
        async with it.database.transaction() as first, it.database.transaction() as second:
            assert len(await notices.claim(first, now, now + timedelta(minutes=5), 4)) == 2
            await second.execute("SET LOCAL lock_timeout = '1s'")
            assert await notices.claim(second, now, now + timedelta(minutes=5), 4) == []

    async def test_a_worker_that_was_overtaken_says_nothing_of_it(self, it: Bench) -> None:
        await it.trouble()
        await it.look()
        now = it.clock.now()
        async with it.database.transaction() as connection:
            await notices.bundle(connection, now, timedelta(minutes=1))
            slow, _ = await notices.claim(connection, now, now, 4)
            await notices.claim(connection, now, now + timedelta(minutes=5), 4)
            assert not await notices.settle(connection, slow, state="sent", due=now, answer="", now=now)


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("an unknown authority", {"authority": None}, "presented a certificate that can't be trusted", "as `authority`"),
    (
        "another name",
        {"host": "127.0.0.1"},
        "presented a certificate that can't be trusted",
        "a certificate for 127.0.0.1",
    ),
    (
        "no file",
        {"authority": "/nowhere.pem"},
        "its authority's certificate file can't be read",
        "Name a readable file",
    ),
    ("TLS at once where STARTTLS is", {"security": "tls"}, "does not speak TLS there", "`security: tls`"),
    ("another login", {"login": "mallory"}, "refused the sign-in (535)", "Set the secret SUTURE_SMTP_PASSWORD"),
]


class TestMisconfigured:
    @pytest.mark.parametrize(("mail", "words", "remedy"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
    async def test_is_an_exception_at_once_with_the_remedy_and_goes_out_once_mended(
        self, at: Bench, mail_server: MailServer, mail: dict[str, Any], words: str, remedy: str
    ) -> None:
        it = at.by(told_by(EVERYTHING, mail_server, mail=mail))
        await it.trouble()
        assert await it.tell() == 2
        (one,) = await it.undeliverable()
        assert (one.outcome, one.owner) == ("fatal", "integration")
        assert words in one.reason
        assert remedy in one.remedy
        assert "{" not in one.reason + one.remedy
        assert not {one["verb"] for one in mail_server.heard} & {"MAIL", "RCPT"}
        mended = at.by(told_by(EVERYTHING, mail_server))
        mended.clock.advance(SCHEDULE[0])
        assert await mended.sender().send_due() == 2
        assert await it.undeliverable() == []

    async def test_a_server_without_tls_gets_neither_password_nor_mail(self, at: Bench, tmp_path: Path) -> None:
        server = MailServer(tmp_path, "plain").start()
        it = at.by(told_by(EVERYTHING, server))
        await it.trouble()
        await it.tell()
        server.stop()
        (one,) = await it.undeliverable()
        assert "lacks a required feature" in one.reason
        assert {one["verb"] for one in server.heard} <= {"EHLO", "QUIT"}

    async def test_a_password_that_is_not_set_is_named(self, it: Bench) -> None:
        await it.trouble()
        await it.look()
        it.password = None
        await it.sender().send_due()
        (one,) = await it.undeliverable()
        assert (one.remedy, "its password is not set" in one.reason) == ("Set the secret SUTURE_SMTP_PASSWORD.", True)

    async def test_what_a_server_says_in_its_own_words_stands_in_no_exception(
        self, it: Bench, mail_server: MailServer
    ) -> None:
        mail_server.orders(MAIL=f"550 {MARK} may not")
        await it.trouble()
        await it.tell()
        (one,) = await it.undeliverable()
        assert "refused the sender (550)" in one.reason
        assert MARK not in one.reason + one.remedy


REFUSED = [
    ("RCPT", "550 no such box", "answered 550 to the address"),
    ("DATA", "554 no", "answered 554 to the message"),
]


class TestRefused:
    @pytest.mark.parametrize(("verb", "answer", "words"), REFUSED)
    async def test_what_the_server_refuses_for_good_is_given_up_at_once(
        self, it: Bench, mail_server: MailServer, verb: str, answer: str, words: str
    ) -> None:
        mail_server.orders(**{verb: answer})
        await it.trouble()
        await it.tell()
        assert await it.states() == [("ann", "given_up"), ("bea", "given_up")]
        found = await it.undeliverable()
        assert [words in one.reason for one in found] == [True, True]
        assert all("an address that accepts mail" in one.remedy for one in found)

    async def test_what_it_refuses_for_now_is_tried_again(self, it: Bench, mail_server: MailServer) -> None:
        mail_server.orders(RCPT="451 greylisted")
        await it.trouble()
        await it.tell()
        assert await it.states() == [("ann", "waiting"), ("bea", "waiting")]
        mail_server.orders()
        it.clock.advance(SCHEDULE[0])
        await it.sender().send_due()
        assert len(mail_server.taken) == 2

    @pytest.mark.parametrize(
        ("address", "words"),
        [
            ("", "has no e-mail address"),
            ("a@b.org\r\nBcc: c@d.org", "the address is not valid"),
            ("nobody", "the address is not valid"),
            ("a@bücher.example", "the address is not valid"),
        ],
    )
    async def test_an_address_that_is_none_is_said(
        self, it: Bench, mail_server: MailServer, address: str, words: str
    ) -> None:
        await it.person("eve", "finance", mail=address)
        await it.trouble()
        assert await it.tell() == 3
        (one,) = await it.undeliverable()
        assert "a notification to eve by mail" in one.reason
        assert words in one.reason
        assert len(mail_server.taken) == 2, "the others are told"

    async def test_a_person_whom_the_catalogue_names_and_nobody_knows_is_said(
        self, at: Bench, mail_server: MailServer
    ) -> None:
        it = at.by(told_by([{"kinds": ["deadline_passed"], "people": ["eve"]}], mail_server))
        await it.trouble()
        await it.tell()
        (one,) = await it.undeliverable()
        assert "there is no such person" in one.reason
        assert "`suture people list`" in one.remedy


class TestWhat:
    """Each kind, when it is told."""

    async def told(self, it: Bench) -> list[str]:
        """What is told now that was not told before, as a subject tells it."""
        await it.look()
        async with it.database.transaction() as connection:
            rows = await connection.fetch(
                "UPDATE notice SET moot = true WHERE NOT moot AND recipient = 'ann' RETURNING told ->> 'text'"
            )
        return sorted(row[0] for row in rows)

    async def test_a_deadline_is_near_then_passed_then_escalates_each_once(self, at: Bench) -> None:
        await at.trouble(due=timedelta(hours=3))
        assert await self.told(at) == []
        at.clock.advance(timedelta(hours=1))
        assert ["is to be decided by" in one for one in await self.told(at)] == [True]
        assert await self.told(at) == []
        at.clock.advance(timedelta(hours=2))
        assert ["was to be decided by" in one for one in await self.told(at)] == [True]
        at.clock.advance(timedelta(hours=4))
        assert ["and is still undecided" in one for one in await self.told(at)] == [True]
        assert await self.told(at) == []

    async def test_what_is_assigned_is_told_each_time_and_not_to_who_took_it(self, at: Bench) -> None:
        await at.trouble(due=timedelta(days=2))
        await at.person("bea")
        for person, told in (("ann", 1), ("bea", 0), ("ann", 1), ("ann", 1)):
            await queue.assign(at.context, BEA, [1], person)
            assert len(await self.told(at)) == told, person

    async def test_a_paused_interface_is_told_each_time_it_is_paused(self, at: Bench) -> None:
        for _ in range(2):
            async with at.database.transaction() as connection:
                await gates.pause(connection, "billing-api", at.clock.now(), "bea", f"about {MARK}")
            (one,) = await self.told(at)
            assert re.fullmatch(
                r"billing-api has been paused since 2026-03-02 10:\d\d EST: work waits until someone resumes it", one
            )
            assert await self.told(at) == []
            async with at.database.transaction() as connection:
                await gates.resume(connection, "billing-api", at.clock.now())

    async def test_a_system_that_is_away_for_long_is_told_and_a_short_time_is_not(self, at: Bench) -> None:
        async with at.database.transaction() as connection:
            await connection.execute(
                "INSERT INTO gate (interface, breaker, cause, opened_at) VALUES ('odoo-ledger', 'open', $1, $2)",
                "no_answer",
                at.clock.now(),
            )
        assert await self.told(at) == []
        at.clock.advance(timedelta(minutes=15))
        (one,) = await self.told(at)
        assert "because it does not answer in time" in one

    async def test_a_silent_feed_is_told(self, at: Bench) -> None:
        it = at.by(
            told_by(
                [{"kinds": ["silent"], "roles": ["finance"]}],
                silent={"scheduling-appointments": {"after_minutes": 120, "from": "08:00", "until": "18:00"}},
            )
        )
        assert await self.told(it) == ["scheduling-appointments has sent nothing since 2026-03-02 08:00 EST"]

    async def test_an_objective_that_burns_is_told(self, at: Bench) -> None:
        at.clock.advance(timedelta(minutes=-4))
        sealed = (await at.context.vault.key_for(at.clock.now())).seal(b"{}", "")
        async with at.database.transaction() as connection:
            await connection.execute(
                """INSERT INTO delivery (interface, delivery_id, receipt, fingerprint, key_id, box, received_at, state)
                SELECT 'billing-payments', n::text, gen_random_uuid(), '', $2, $3, $1, 'excepted'
                FROM generate_series(1, 20) AS n""",
                at.clock.now(),
                sealed.key_id,
                sealed.box,
            )
        (one,) = await self.told(at)
        assert one.startswith("billing-payments was using up its error budget 1000.0 times as fast as allowed")
        assert await self.told(at) == []


class TestWhen:
    NIGHT = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)

    def quietly(self, at: Bench, server: MailServer) -> Bench:
        quiet = {"quiet": {"from": "20:00", "until": "07:00"}, "rotas": {"desk": [{"person": "bea"}]}}
        return at.by(told_by(EVERYTHING, server, **quiet))

    async def test_a_night_wakes_only_who_is_on_call_and_the_morning_sums_up(
        self, at: Bench, mail_server: MailServer
    ) -> None:
        it = self.quietly(at, mail_server)
        it.clock.advance(self.NIGHT - it.clock.now())
        await it.trouble(3, due=timedelta(hours=-5))
        await it.tell()
        assert [one["to"] for one in mail_server.taken] == [["bea@example.org"]]
        it.clock.advance(timedelta(hours=8))
        await it.sender().send_due()
        (mail,) = (one for one in mail_server.mails if one["To"] == "ann@example.org")
        assert mail["Subject"] == "Suture: 3 deadlines have passed, 3 exceptions are long overdue"

    async def test_what_is_over_by_the_morning_is_not_told(self, at: Bench, mail_server: MailServer) -> None:
        it = self.quietly(at, mail_server)
        it.clock.advance(self.NIGHT - it.clock.now())
        await it.trouble()
        await it.tell()
        async with it.database.transaction() as connection:
            await exceptions.resolve(connection, [f"p:{MARK}:0"], it.clock.now(), "bea")
        it.clock.advance(timedelta(hours=8))
        assert await it.tell() == 0
        assert await it.states() == [("ann", "moot"), ("bea", "moot")]

    async def test_what_stands_is_not_told_again_however_long_and_what_is_over_is_forgotten(self, it: Bench) -> None:
        await it.trouble()
        assert await it.tell() == 2
        it.clock.advance(timedelta(days=45))
        await it.tell()
        it.clock.advance(timedelta(days=45))
        assert await it.tell() == 0
        async with it.database.transaction() as connection:
            await exceptions.resolve(connection, [f"p:{MARK}:0"], it.clock.now(), "bea")
        assert await it.tell() == 0
        assert await it.states() == []


class Receiver:
    def __init__(self) -> None:
        self.answers: list[int] = []
        self.taken: list[tuple[dict[str, str], bytes]] = []

    async def take(self, request: Request) -> Response:
        self.taken.append((dict(request.headers), await request.body()))
        return Response(status_code=self.answers.pop(0) if self.answers else 204)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    made = Receiver()
    async with serving(Starlette(routes=[Route("/hook", made.take, methods=["POST"])])) as url:
        yield made, f"{url}/hook"


def hooked(at: Bench, url: str) -> Bench:
    rules = [{"kinds": ALL, "webhooks": ["pager"]}]
    return at.by(told_by(rules, webhooks={"pager": {"url": url, "secret": "SUTURE_PAGER_SECRET"}}))


class TestWebhook:
    async def test_it_is_signed_tried_again_under_its_id_and_delivered_once(
        self, at: Bench, receiver: tuple[Receiver, str]
    ) -> None:
        taking, url = receiver
        it = hooked(at, url)
        taking.answers = [503, 204]
        await it.trouble(2)
        assert await it.tell() == 1
        it.clock.advance(SCHEDULE[0])
        assert await it.sender().send_due() == 1
        it.clock.advance(timedelta(days=1))
        assert await it.sender().send_due() == 0
        (first, body), (second, again) = taking.taken
        assert (first["webhook-id"], body) == (second["webhook-id"], again)
        stamp = int(second["webhook-timestamp"])
        told = msgspec.json.decode(body)
        expected = Webhook(SECRET).sign(second["webhook-id"], datetime.fromtimestamp(stamp, UTC), body.decode())
        assert expected in second["webhook-signature"]
        assert told["summary"] == "2 deadlines have passed"
        assert [one["url"] for one in told["notices"]] == [f"{CONSOLE}/exceptions/1", f"{CONSOLE}/exceptions/2"]

    async def test_an_address_inside_is_refused_unless_the_deployment_allows_it(
        self, at: Bench, receiver: tuple[Receiver, str]
    ) -> None:
        taking, url = receiver
        it = hooked(at, url)
        await it.trouble()
        await it.look()
        await it.sender(it.ways(private=False)).send_due()
        (one,) = await it.undeliverable()
        assert "was not contacted: it is not https" in one.reason
        assert "SUTURE_PRIVATE_WEBHOOKS" in one.remedy
        assert taking.taken == []

    async def test_a_receiver_that_is_gone_is_an_exception_at_once(
        self, at: Bench, receiver: tuple[Receiver, str]
    ) -> None:
        taking, url = receiver
        it = hooked(at, url)
        taking.answers = [410]
        await it.trouble()
        await it.tell()
        (one,) = await it.undeliverable()
        assert "the receiver answered 410" in one.reason


async def test_nothing_of_a_patient_is_in_any_message_nor_kept_for_one(
    at: Bench, mail_server: MailServer, receiver: tuple[Receiver, str]
) -> None:
    taking, url = receiver
    rules = [{"kinds": ALL, "assignee": True, "roles": ["finance"], "webhooks": ["pager"]}]
    hooks = {"pager": {"url": url, "secret": "SUTURE_PAGER_SECRET"}}
    it = at.by(told_by(rules, mail_server, webhooks=hooks))
    await it.trouble(2, due=timedelta(hours=-6))
    await it.trouble(2, due=timedelta(hours=1), process="near")
    async with it.database.transaction() as connection:
        await connection.execute("UPDATE exception SET code = $1 WHERE number = 2", f"no {MARK}")
        await connection.execute("UPDATE exception SET interface = $1 WHERE number = 3", f"{MARK}-api")
        await connection.execute(
            "INSERT INTO journey (appointment, facility, updated_at) VALUES ($1, $1, now())", f"{MARK}-0"
        )
        await gates.pause(connection, "billing-api", it.clock.now(), MARK, f"about {MARK}")
    await queue.assign(it.context, BEA, [1], "ann")
    await it.tell()
    everything = json.dumps(mail_server.taken) + json.dumps([body.decode() for _, body in taking.taken])
    async with it.database.connection() as connection:
        kept = await connection.fetch("SELECT row_to_json(notice)::text AS told FROM notice")
    assert len(mail_server.taken) + len(taking.taken) == 3
    assert "Exception 4" in everything
    assert MARK not in everything + "".join(row["told"] for row in kept)


async def test_ones_account_says_what_one_is_told(at: Bench, tmp_path: Path) -> None:
    rules = [{"kinds": ["paused"], "on_call": ["desk"]}, {"kinds": ["escalation"], "roles": ["finance"]}]
    told = told_by(rules, rotas={"desk": [{"person": "cy"}]}, quiet={"from": "20:00", "until": "07:00"})
    base = Foundation(
        settings=Settings(data_dir=tmp_path),
        secrets=Secrets({}, tmp_path),
        catalogue=told,
        clock=at.clock,
        database=at.database,
        vault=at.context.vault,
        nats_url="nats://127.0.0.1:1",
    )
    await at.context.vault.check()
    async with serving_console(base) as url:
        invitation = await accounts.add(at.context, BEA, "cy", full_name="Cy", email="", roles=["auditor"])
        session = await accounts.accept(at.context, invitation, "a few words that do well")
        async with aiohttp.ClientSession(cookies={"suture": session}) as http, http.get(f"{url}/account") as answer:
            page = " ".join(re.sub("<[^>]+>", " ", await answer.text()).split())
    assert "Interfaces that are paused While you are on call (desk), as you are today. By e-mail, at once." in page
    assert "Your account has no e-mail address" in page
    assert "Quiet from 20:00 until 07:00, but for who is on call" in page
    assert "long overdue While" not in page
    assert "your role is" not in page
