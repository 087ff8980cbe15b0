"""``suture notifications`` and what ``suture doctor`` says of the mail server, as a person runs them."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.commands import arun, clean_environment
from tests.integration.mailing import MailServer

from suture.backbone.embedded import EmbeddedNats
from suture.catalogue.write import template

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def mail_server(tmp_path: Path) -> Iterator[MailServer]:
    server = MailServer(tmp_path).start()
    yield server
    server.stop()


def _write(folder: Path, server: MailServer, authority: str) -> None:
    yaml = YAML()
    tree = yaml.load(template())
    mail = {"host": "localhost", "port": server.port, "sender": "s@example.org", "authority": authority}
    tree["notifications"] = {
        "mail": {**mail, "login": "suture", "secret": "SUTURE_SMTP_PASSWORD"},
        "webhooks": {"pager": {"url": "http://127.0.0.1:9/x", "secret": "SUTURE_PAGER_SECRET"}},
        "rules": [{"kinds": ["paused"], "people": ["ann", "eve"]}],
    }
    with (folder / "catalogue.yaml").open("w") as file:
        yaml.dump(tree, file)


async def test_a_trial_says_what_was_answered_and_doctor_tries_the_server(
    tmp_path: Path, database_url: str, mail_server: MailServer
) -> None:
    environment = {
        **clean_environment(),
        "SUTURE_DATABASE_URL": database_url,
        "SUTURE_MASTER_KEY": "00" * 32,
        "SUTURE_SMTP_PASSWORD": "s3cret",
        "COLUMNS": "220",
    }

    async def run(*arguments: str) -> tuple[int, str]:
        status, told = await arun(tmp_path, environment, *arguments, seconds=60)
        assert "Traceback" not in told, told
        return status, told

    authority = str(mail_server.certificates.authority)
    _write(tmp_path, mail_server, authority)
    assert (await run("people", "add", "ann", "--role", "finance", "--email", "ann@example.org"))[0] == 0
    status, told = await run("notifications", "test", "ann")
    assert (status, "the mail server accepted it" in told, "250 2.0.0 queued as 1" in told) == (0, True, True), told
    (mail,) = mail_server.mails
    assert (mail["To"], mail["Subject"]) == ("ann@example.org", "Suture: This is a test message: no action is needed")
    assert mail.get_content().splitlines()[0] == "1 trial"
    status, told = await run("notifications", "test", "eve")
    assert (status, "there is no person eve" in told) == (2, True), told
    status, told = await run("notifications", "test", "--webhook", "pagr")
    assert (status, "no webhook 'pagr'; there is: pager" in told) == (2, True), told
    status, told = await run("notifications", "test", "--webhook", "pager")
    assert (status, "Set SUTURE_PAGER_SECRET" in told) == (2, True), told
    status, told = await run("notifications", "list")
    assert (status, "There is none" in told) == (0, True), told
    _, told = await run("doctor")
    assert f"ok   mail server: localhost:{mail_server.port}: encrypted, suture signed in" in told
    assert "notifications: can't be written to: eve" in told
    assert "SUTURE_PAGER_SECRET" in told.partition("secrets: missing:")[2]
    _write(tmp_path, mail_server, "/nowhere.pem")
    _, told = await run("doctor")
    assert "mend mail server" in told
    assert "Name a readable file as `authority`" in told


async def test_a_worker_tells_of_an_interface_that_somebody_paused(
    tmp_path: Path, database_url: str, mail_server: MailServer, nats_server: EmbeddedNats
) -> None:
    environment = {
        **clean_environment(),
        **dict.fromkeys(("SUTURE_SCHEDULING_TOKEN", "SUTURE_BILLING_TOKEN", "SUTURE_ODOO_API_KEY"), "t"),
        "SUTURE_DATABASE_URL": database_url,
        "SUTURE_NATS_URL": nats_server.url,
        "SUTURE_MASTER_KEY": "00" * 32,
        "SUTURE_SMTP_PASSWORD": "s3cret",
        "SUTURE_CONSOLE_URL": "https://suture.example.org",
    }
    _write(tmp_path, mail_server, str(mail_server.certificates.authority))
    added = ("people", "add", "ann", "--role", "finance", "--email", "ann@example.org")
    for told in (added, ("pause", "billing-api", "--reason", "a test")):
        status, output = await arun(tmp_path, environment, *told, seconds=60)
        assert status == 0, output
    command = [sys.executable, "-m", "suture", "worker"]
    worker = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(40):
            while not mail_server.taken:
                await asyncio.sleep(0.1)
    finally:
        worker.kill()
        worker.wait()
    (mail,) = mail_server.mails
    assert mail["Subject"].startswith("Suture: billing-api has been paused since")
    assert "https://suture.example.org/interfaces/billing-api" in mail.get_content()
