"""A mail server for tests, a process of its own: it speaks SMTP with TLS and sign-in over real sockets, keeps what it
takes, and answers what it is told to.

    python mail_server.py FOLDER PORT tls|starttls|plain CERTIFICATE KEY

In FOLDER, `heard` gets a JSON line for every command (before and after TLS), `taken` one for every message; `orders`
(JSON) says what is answered to a command instead of what is right.
"""

import asyncio
import base64
import json
import ssl
import sys
from pathlib import Path

LOGIN, PASSWORD = "suture", "s3cret"


class Session:
    def __init__(self, folder: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mode: str) -> None:
        self.folder, self.reader, self.writer, self.mode = folder, reader, writer, mode
        self.encrypted, self.signed_in = mode == "tls", False
        self.sender, self.recipients = "", []

    def keep(self, name: str, told: dict) -> None:
        with (self.folder / name).open("a") as file:
            file.write(json.dumps(told) + "\n")

    async def say(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self.writer.drain()

    async def hear(self) -> str:
        line = await self.reader.readline()
        if not line:
            raise EOFError
        return line.decode(errors="replace").rstrip("\r\n")

    async def serve(self, context: ssl.SSLContext) -> None:
        await self.say("220 localhost test server")
        while True:
            line = await self.hear()
            verb = line.split(" ")[0].upper()
            self.keep("heard", {"line": line, "encrypted": self.encrypted})
            orders = self.folder / "orders"
            told = json.loads(orders.read_text()).get(verb) if orders.exists() else None
            if told is not None:
                await self.say(told)
            elif verb == "STARTTLS" and self.mode == "starttls" and not self.encrypted:
                await self.say("220 go ahead")
                await self.writer.start_tls(context)
                self.encrypted = True
            elif verb == "QUIT":
                await self.say("221 bye")
                return
            else:
                await self.answer(verb, line)

    async def answer(self, verb: str, line: str) -> None:
        if verb == "EHLO":
            offered = ["STARTTLS"] if self.mode == "starttls" and not self.encrypted else []
            offered += ["AUTH PLAIN"] if self.encrypted or self.mode == "plain" else []
            await self.say("250-localhost", *(f"250-{one}" for one in offered), "250 8BITMIME")
        elif verb == "NOOP":
            await self.say("250 fine")
        elif verb == "AUTH":
            _, login, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
            self.signed_in = (login, password) == (LOGIN, PASSWORD)
            await self.say("235 welcome" if self.signed_in else "535 5.7.8 who are you")
        elif not (self.encrypted and self.signed_in):
            await self.say("530 5.7.0 encrypt and sign in first")
        elif verb == "MAIL":
            self.sender = line.partition("<")[2].partition(">")[0]
            await self.say("250 ok")
        elif verb == "RCPT":
            self.recipients.append(line.partition("<")[2].partition(">")[0])
            await self.say("250 ok")
        elif verb == "DATA":
            await self.take()
        else:
            await self.say("502 not known here")

    async def take(self) -> None:
        await self.say("354 go on")
        lines = []
        while (line := await self.hear()) != ".":
            lines.append(line.removeprefix(".") if line.startswith("..") else line)
        version = self.writer.get_extra_info("ssl_object").version()
        told = {"from": self.sender, "to": self.recipients, "tls": version, "text": "\r\n".join(lines)}
        self.keep("taken", told)
        self.recipients = []
        await self.say("250 2.0.0 queued as 1")


async def main(folder: Path, port: int, mode: str, certificate: str, key: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Session(folder, reader, writer, mode).serve(context)
        except (EOFError, OSError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", port, ssl=context if mode == "tls" else None)
    (folder / "port").write_text(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
