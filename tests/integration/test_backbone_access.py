"""Who gets into the embedded NATS, and what they may do there; and TLS where an address asks for it."""

import asyncio
import ssl
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import nats
import psutil
import pytest
from nats.aio.client import Client
from nats.errors import Error
from nats.js.errors import NotFoundError

from suture.backbone.credentials import OPERATOR, READER, WORKER
from suture.backbone.embedded import EmbeddedNats
from suture.backbone.names import STREAM
from suture.backbone.stream import Unencrypted, connect, ensure_stream
from suture.store.embedded import free_port

from .certificates import Certificates

ACCESS = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedNats]:
    server = EmbeddedNats(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def stream(server: EmbeddedNats) -> AsyncIterator[Client]:
    """An operator's connection, the stream in place with a message and two subscribers' places."""
    client = await nats.connect(server.url_for(OPERATOR))
    jetstream = await ensure_stream(client)
    await jetstream.publish("suture.test", b"1")
    for name in ("journeys", "other"):
        await jetstream.add_consumer(STREAM, durable_name=name, ack_policy="explicit")
    yield client
    await jetstream.delete_stream(STREAM)
    await client.close()


async def kept(client: Client) -> int:
    return (await client.jetstream().stream_info(STREAM)).state.messages


async def asks(url: str, subject: str, payload: bytes = b"") -> bool:
    """Whether the server answers to a request at all; one that isn't permitted it drops."""
    client = await connect(url, "test")
    try:
        await client.request(subject, payload, timeout=0.5)
    except Error:
        return False
    finally:
        await client.close()
    return True


@pytest.mark.parametrize("who", [{}, {"user": "worker", "pass": "wrong"}, {"user": "reader"}, {"auth_token": "worker"}])
async def test_nobody_gets_in_without_a_password(server: EmbeddedNats, who: dict[str, str]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.nodes[0].port)
    try:
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"INFO")
            writer.write(b"CONNECT " + msgspec.json.encode({"verbose": False, **who}) + b"\r\nPING\r\n")
            assert b"Authorization Violation" in await reader.readline()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("client", [WORKER, READER])
@pytest.mark.parametrize("act", ["PURGE", "DELETE", "MSG.DELETE", "SNAPSHOT"])
async def test_no_client_of_ours_may_delete_or_purge(
    server: EmbeddedNats, stream: Client, client: str, act: str
) -> None:
    assert not await asks(server.url_for(client), f"$JS.API.STREAM.{act}.{STREAM}", b'{"seq": 1}')
    assert await kept(stream) == 1


async def test_the_stream_itself_refuses_even_its_operator(stream: Client) -> None:
    with pytest.raises(Error, match="purge"):
        await stream.jetstream().purge_stream(STREAM)
    assert await kept(stream) == 1


async def test_a_reader_publishes_nothing_and_leaves_subscribers_places_alone(
    server: EmbeddedNats, stream: Client
) -> None:
    url = server.url_for(READER)
    assert not await asks(url, "suture.invoice.posted.v1", b"{}")
    for verb in ("DELETE", "MSG.NEXT", "DURABLE.CREATE"):
        assert not await asks(url, f"$JS.API.CONSUMER.{verb}.{STREAM}.journeys")
    assert not await asks(url, f"$JS.ACK.{STREAM}.journeys.1.1.1.1.0")
    assert await kept(stream) == 1
    assert (await stream.jetstream().consumer_info(STREAM, "journeys")).name == "journeys"


async def test_a_worker_publishes(server: EmbeddedNats, stream: Client) -> None:
    assert await asks(server.url_for(WORKER), "suture.test", b"2")
    assert await kept(stream) == 2


def test_passwords_stand_in_files_of_their_owner_and_in_no_command_line(server: EmbeddedNats) -> None:
    folder = server._folder
    files = [folder / "nats.credentials", folder / "nats.conf"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600, 0o600]
    password = server.url.partition("worker:")[2].partition("@")[0]
    assert len(password) > 20
    assert password not in " ".join(psutil.Process(server.nodes[0].pid).cmdline())


def test_passwords_outlive_a_restart(tmp_path: Path) -> None:
    server = EmbeddedNats(tmp_path)
    try:
        url = server.start()
        server.stop()
        assert server.start() == url
    finally:
        server.stop()


class TestTls:
    @pytest.fixture
    def certificates(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
        made = Certificates(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
        return made

    async def test_a_server_without_it_is_told_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        heard: list[bytes] = []

        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b'INFO {"server_id":"x","version":"2.10.0","max_payload":1048576,"auth_required":true}\r\n')
            heard.append(await reader.read(1000))
            writer.close()

        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setattr("suture.backbone.stream._CONNECT_SECONDS", 1.0)
        with pytest.raises(Unencrypted):
            await connect(f"tls://ann:secret@127.0.0.1:{port}", "test")
        server.close()
        assert heard
        assert not any(heard)

    async def test_a_server_with_it_is_entered(self, certificates: Certificates, tls_server: int) -> None:
        client = await connect(f"tls://ann:s%40cret@localhost:{tls_server}", "test")
        with pytest.raises((NotFoundError, Error)):
            await client.jetstream().stream_info("NONE")
        await client.close()

    async def test_a_server_that_cannot_prove_its_name_is_not(
        self, certificates: Certificates, tls_server: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        monkeypatch.setattr("suture.backbone.stream._CONNECT_SECONDS", 1.0)
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(f"tls://ann:s%40cret@localhost:{tls_server}", "test")

    @pytest.fixture
    async def tls_server(self, certificates: Certificates, tmp_path: Path) -> AsyncIterator[int]:
        from suture.backbone.embedded import _binary

        port = free_port()
        command = ["-a", "127.0.0.1", "-p", str(port), "--user", "ann", "--pass", "s@cret", "--tls"]
        command += ["--tlscert", str(certificates.certificate), "--tlskey", str(certificates.key)]
        process = await asyncio.create_subprocess_exec(_binary(), *command, stderr=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(10):
            while True:
                try:
                    (await asyncio.open_connection("127.0.0.1", port))[1].close()
                    break
                except OSError:
                    await asyncio.sleep(0.05)
        yield port
        process.terminate()
        await process.wait()
