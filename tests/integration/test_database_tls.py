"""What a database URL says of TLS holds for everything that connects, migrations too."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from suture.bootstrap.composition import connect_database
from suture.bootstrap.settings import SettingsError
from suture.store.schema import is_current, migrate

from .certificates import Certificates


async def _connects(url: str) -> None:
    await (await connect_database(url, 1)).close()


async def _is_current(url: str) -> None:
    assert await is_current(url)


CONNECTING: list[Callable[[str], Awaitable[None]]] = [_connects, migrate, _is_current]
every_way = pytest.mark.parametrize("connect", CONNECTING, ids=["pool", "migrate", "is_current"])


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@pytest.fixture
async def encrypted(database_url: str, certificates: Certificates) -> AsyncIterator[str]:
    """The database behind TLS, begun as Postgres begins it; the embedded server has none of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    target = urlsplit(database_url)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            asked = await reader.readexactly(8)
            if asked[4:] != (80877103).to_bytes(4, "big"):
                writer.close()  # in the clear: this server takes nothing so
                return
            writer.write(b"S")
            await writer.start_tls(context)
            far_reader, far_writer = await asyncio.open_connection(target.hostname, target.port)
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield f"postgresql://{target.username}:{target.password}@localhost:{port}{target.path}"
    server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@every_way
@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_an_encrypted_connection_that_is_asked_for_is_made(
    encrypted: str, certificates: Certificates, mode: str, connect: Callable[[str], Awaitable[None]]
) -> None:
    await connect(f"{encrypted}?sslmode={mode}&sslrootcert={certificates.authority}")


@every_way
@pytest.mark.parametrize("mode", ["require", "verify-full"])
async def test_nothing_is_sent_to_a_server_without_it(
    database_url: str, certificates: Certificates, mode: str, connect: Callable[[str], Awaitable[None]]
) -> None:
    with pytest.raises((ConnectionError, SettingsError)):
        await connect(f"{database_url}?sslmode={mode}&sslrootcert={certificates.authority}")


@every_way
async def test_a_server_that_cannot_prove_its_name_is_not_believed(
    encrypted: str, tmp_path: Path, connect: Callable[[str], Awaitable[None]]
) -> None:
    (tmp_path / "other").mkdir()
    others = Certificates(tmp_path / "other")
    with pytest.raises((ssl.SSLCertVerificationError, SettingsError)):
        await connect(f"{encrypted}?sslmode=verify-full&sslrootcert={others.authority}")
    named = encrypted.replace("localhost", "127.0.0.1")
    with pytest.raises((ssl.SSLCertVerificationError, SettingsError)):
        await connect(f"{named}?sslmode=verify-full&sslrootcert={tmp_path / 'ca.pem'}")


@every_way
@pytest.mark.parametrize("said", ["", "?sslmode=disable", "?sslmode=prefer"])
async def test_a_server_without_it_serves_who_does_not_ask(
    database_url: str, said: str, connect: Callable[[str], Awaitable[None]]
) -> None:
    await connect(database_url + said)
