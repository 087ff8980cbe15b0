"""A mail server for tests, a process of its own: aiosmtpd, which knows nothing of ours, over real sockets and TLS.

    python mail_server.py FOLDER PORT tls|starttls|plain CERTIFICATE KEY

In FOLDER, `heard` gets a JSON line for every command (before and after TLS), `taken` one for every message; `orders`
(JSON) says what is answered to MAIL, RCPT or DATA instead of what is right.
"""

import asyncio
import json
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

LOGIN, PASSWORD = "suture", "s3cret"


class Box:
    """Keeps what is taken, and refuses what it is told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, name: str, told: dict[str, Any]) -> None:
        with (self.folder / name).open("a") as file:
            file.write(json.dumps(told) + "\n")

    def ordered(self, verb: str) -> str | None:
        orders = self.folder / "orders"
        return json.loads(orders.read_text()).get(verb) if orders.exists() else None

    async def handle_MAIL(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if refusal := self.ordered("MAIL"):
            return refusal
        envelope.mail_from = address
        return "250 2.1.0 ok"

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if refusal := self.ordered("RCPT"):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:
        if refusal := self.ordered("DATA"):
            return refusal
        version = server.transport.get_extra_info("ssl_object").version()
        text = envelope.content.decode()
        self.keep("taken", {"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": version, "text": text})
        return "250 2.0.0 queued as 1"


class Listening(SMTP):
    """The server, with every command that it hears kept."""

    def __init__(self, box: Box, **options: Any) -> None:
        super().__init__(box, hostname="localhost", **options)
        self._box = box
        self._smtp_methods = {verb: self._kept(verb, method) for verb, method in self._smtp_methods.items()}

    def _kept(self, verb: str, method: Callable[[str], Awaitable[None]]) -> Callable[[str], Awaitable[None]]:
        async def called(argument: str) -> None:
            encrypted = self.transport.get_extra_info("ssl_object") is not None
            self._box.keep("heard", {"verb": verb, "encrypted": encrypted})
            await method(argument)

        return called


def signed_in(_: SMTP, __: Session, ___: Envelope, mechanism: str, told: LoginPassword) -> AuthResult:
    return AuthResult(success=(told.login, told.password) == (LOGIN.encode(), PASSWORD.encode()), handled=False)


async def main(folder: Path, port: int, mode: str, certificate: str, key: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    options = {
        "tls_context": context if mode == "starttls" else None,
        "require_starttls": mode == "starttls",
        "auth_require_tls": mode == "starttls",  # where TLS is there from the first byte, it knows nothing of it
        "auth_required": True,
        "authenticator": signed_in,
    }
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Listening(Box(folder), loop=loop, **options),
        "127.0.0.1",
        port,
        ssl=context if mode == "tls" else None,
    )
    (folder / "port").write_text(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
