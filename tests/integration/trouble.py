"""Plays a file of trouble: what outside systems send, in the order in which they send it, at a clinic's own doors.

A file's `steps` are ``webhook`` (an interface, and a ``body`` or ``raw`` text, or a ``payment`` of a visit),
``remittance`` (the document that `suture remittance` takes), ``payment`` (told by billing) and ``wait``.
"""

import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from tests.integration.clinic import KEYS, Clinic

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor, NotPossible
from suture.codecs import remittance as codec
from suture.commands import ledger as commands
from suture.connectors.port import PostedRemittance
from suture.core.failure import Failure
from suture.store import exceptions
from suture.store.exceptions import OpenException
from suture_lab.simulators.webhooks import WebhookMessage, key_of, signed_headers

Step = dict[str, Any]
Row = dict[str, Any]

_SIGNED_BY = {"billing-payments": "SUTURE_BILLING_SIGNING_KEY"}
_ADA = Actor("ada", "a file of trouble", (ADMINISTRATOR,))


def steps_of(path: Path) -> list[Step]:
    steps: list[Step] = json.loads(path.read_text(encoding="utf-8"))["steps"]
    return steps


class Player:
    """Plays steps at a clinic, and looks at what came of them. `answers` has what each remittance was answered, by its
    number: what was booked, or the refusal."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic = clinic
        self.answers: dict[str, PostedRemittance | Exception] = {}
        self._sent = 0

    async def play(self, steps: list[Step]) -> None:
        """Every step, and the quiet after the last."""
        for step in steps:
            await self._step(step)
        await self.clinic.quiet()

    async def _step(self, step: Step) -> None:
        if "wait" in step:
            await self.clinic.quiet()
        elif "remittance" in step:
            await self._remit(step["remittance"])
        elif "payment" in step:
            await self.send("billing-payments", await self._payment(step["payment"]))
        else:
            await self.send(step["webhook"], step["body"] if "body" in step else step["raw"])

    async def send(self, interface: str, body: Any) -> None:
        """As the interface's system sends it: signed, and taken."""
        raw = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
        self._sent += 1
        message = WebhookMessage(f"trouble-{self._sent}", raw)
        key = key_of(KEYS[_SIGNED_BY.get(interface, "SUTURE_SCHEDULING_SIGNING_KEY")])
        url = f"{self.clinic.hook.rpartition('/')[0]}/{interface}"
        headers = signed_headers(key, message, int(time.time()))
        async with aiohttp.ClientSession() as client, client.post(url, data=raw, headers=headers) as answer:
            assert answer.status == 202, await answer.text()

    async def _payment(self, told: Row) -> Row:
        """A payment as billing tells it, against the visit's charge."""
        told = dict(told)
        kind, appointment = told.pop("type", "payment.posted"), told.pop("appointment")
        found = await self.clinic.call("billing", f"/v1/charges?external_id={appointment}", method="GET")
        charge = found["charges"][0]["id"] if found["charges"] else f"CHG-{appointment}"
        known = {"charge_id": charge, "charge_external_id": appointment, "received_on": "2026-11-24"}
        return {"type": kind, "timestamp": "2026-11-24T12:00:00Z", "data": {"payment": known | told}}

    async def _remit(self, document: Row) -> None:
        clinic, number = self.clinic, str(document.get("number", ""))
        try:
            told, payer = codec.decode(json.dumps(document).encode())
            self.answers[number] = await commands.book_remittance(
                clinic.bench, _ADA, told, payer, progress=lambda _: None
            )
        except (codec.Unreadable, Failure, NotPossible) as refusal:
            self.answers[number] = refusal

    async def exceptions(self, subject: str = "") -> list[OpenException]:
        """What waits for a person, all of it or about one subject."""
        async with self.clinic.base.database.connection() as connection:
            waiting = await exceptions.open_exceptions(connection)
        return [one for one in waiting if subject in ("", one.subject)]

    async def visit(self, appointment: str) -> Row | None:
        """What was understood of a completed visit; None where nothing was."""
        rows = await self._events("suture.appointment.completed.v1", appointment)
        return rows[-1]["visit"] if rows else None

    async def _events(self, kind: str, appointment: str) -> list[Row]:
        query = "SELECT data FROM event WHERE type = $1 AND correlation_id = $2 AND NOT stale ORDER BY seq"
        async with self.clinic.base.database.connection() as connection:
            return [msgspec.json.decode(row["data"]) for row in await connection.fetch(query, kind, appointment)]

    async def moves(self, appointment: str, move_type: str = "out_invoice") -> list[Row]:
        """A visit's documents of a type in Odoo, the cancelled ones too."""
        domain = [["ref", "=", appointment], ["move_type", "=", move_type]]
        fields = ["name", "state", "partner_id", "invoice_date", "amount_total", "amount_residual", "payment_state"]
        return await self.rows("account.move", domain, fields)

    async def partner(self, reference: str) -> Row:
        """The contact of a party in Odoo."""
        fields = ["name", "is_company", "street", "city", "state_id", "zip", "country_id"]
        (row,) = await self.rows("res.partner", [["ref", "=", reference]], fields)
        return row

    async def billed(self, appointment: str) -> str:
        """The reference of whom a visit's one invoice is made out to."""
        (invoice,) = [one for one in await self.moves(appointment) if one["state"] == "posted"]
        (partner,) = await self.rows("res.partner", [["id", "=", invoice["partner_id"]]], ["ref"])
        return str(partner["ref"])

    async def rows(self, model: str, domain: list[Any], fields: list[str]) -> list[Row]:
        """What a person finds in Odoo."""
        found: list[Row] = await self.clinic.by_hand(model, "search_read", domain=domain, fields=fields, load="")
        return found
