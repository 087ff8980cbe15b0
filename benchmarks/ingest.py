"""Acknowledgements a second through signature check, sealing and durable commit, against single-row commits.

Two gateways share the port (`SUTURE_GATEWAYS=2`), as one would run them on two cores. Both sides write the same rows to
the same Postgres (fsync on) in one run, in turns, from 32 connections. Ours pays for HTTP, signatures and sealing on
top; group commit has to make up for that.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import uvloop

from suture.access.signatures import decode_secret, sign
from suture.catalogue.write import template
from suture.store.embedded import EmbeddedPostgres
from suture.store.schema import migrate

CLIENTS = 32
SECONDS = 6.0
ROUNDS = 3
SECRET = "whsec_" + "c3V0dXJl" * 4
BODY = json.dumps(
    {"type": "appointment.booked", "timestamp": "2026-03-02T14:00:00Z", "data": {"x": "y" * 2500}}
).encode()
INSERT = """INSERT INTO delivery (interface, delivery_id, receipt, fingerprint, key_id, box, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""


def measure() -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="suture-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = EmbeddedPostgres(folder)
        url = server.start()
        try:
            asyncio.run(migrate(url))
            return uvloop.run(_measure(url, folder))
        finally:
            server.stop()


async def _measure(url: str, folder: Path) -> dict[str, object]:
    first, port = await _gateway(url, folder)
    second, _ = await _gateway(url, folder)
    await asyncio.sleep(2)  # the second shares the first's port, so nothing tells when it is ready
    rounds = []
    try:
        await _for_a_while(1.0, lambda worker: _ack_loop(port, worker))
        for _ in range(ROUNDS):
            acks, latencies = await _for_a_while(SECONDS, lambda worker: _ack_loop(port, worker))
            commits, _ = await _for_a_while(SECONDS, lambda worker: _commit_loop(url, worker))
            rounds.append((acks, commits, latencies))
    finally:
        for gateway in (first, second):
            gateway.terminate()
        for gateway in (first, second):
            gateway.wait(15)
    latencies = sorted(latency for _, _, some in rounds for latency in some)
    return {
        "clients": CLIENTS,
        "acknowledgements_per_s": round(statistics.median(acks for acks, _, _ in rounds)),
        "single_commits_per_s": round(statistics.median(commits for _, commits, _ in rounds)),
        "ratio": round(statistics.median(acks / commits for acks, commits, _ in rounds), 2),
        "p50_ms": round(latencies[len(latencies) // 2] * 1000, 1),
        "p99_ms": round(latencies[len(latencies) * 99 // 100] * 1000, 1),
    }


async def _gateway(url: str, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    (folder / "catalogue.yaml").write_text(template())
    port = 18600
    environment = {
        **os.environ,
        "SUTURE_DATABASE_URL": url,
        "SUTURE_MASTER_KEY": "00" * 32,
        "SUTURE_NATS_URL": "nats://127.0.0.1:1",
        "SUTURE_CATALOGUE": str(folder / "catalogue.yaml"),
        "SUTURE_DATA_DIR": str(folder),
        "SUTURE_GATEWAY_PORT": str(port),
        "SUTURE_SCHEDULING_SIGNING_KEY": SECRET,
        "SUTURE_BILLING_SIGNING_KEY": SECRET,
    }
    process = subprocess.Popen([sys.executable, "-m", "suture", "gateway"], env=environment)
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return process, port
        except OSError:
            await asyncio.sleep(0.05)
    raise RuntimeError("the gateway did not start")


async def _for_a_while(
    seconds: float, start: Callable[[int], Awaitable[Callable[[], Awaitable[None]]]]
) -> tuple[float, list[float]]:
    """Calls a second of `CLIENTS` loops side by side, and each call's latency."""
    latencies: list[float] = []
    calls = [await start(worker) for worker in range(CLIENTS)]
    end = time.perf_counter() + seconds

    async def loop(call: Callable[[], Awaitable[None]]) -> None:
        while (begun := time.perf_counter()) < end:
            await call()
            latencies.append(time.perf_counter() - begun)

    began = time.perf_counter()
    await asyncio.gather(*(loop(call) for call in calls))
    rate = len(latencies) / (time.perf_counter() - began)
    for call in calls:
        await call.close()  # type: ignore[attr-defined]
    return rate, latencies


class _Ack(asyncio.Protocol):
    """One keep-alive connection that delivers signed webhooks. It is as lean as a client can be: it shares the cores
    with what is measured."""

    def __init__(self) -> None:
        self._key = decode_secret(SECRET)
        self._answered: asyncio.Future[bytes] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found and b"content-length: %d" % len(body) in head and self._answered is not None:
            self._answered.set_result(head)
            self._received = b""

    async def __call__(self) -> None:
        identity, timestamp = uuid4().hex, str(int(time.time()))
        signature = sign(self._key, identity, timestamp, BODY)
        head = (
            f"POST /v1/hooks/scheduling-appointments HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n"
            f"webhook-id: {identity}\r\nwebhook-timestamp: {timestamp}\r\nwebhook-signature: {signature}\r\n\r\n"
        )
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(head.encode() + BODY)  # type: ignore[attr-defined]
        answer = await self._answered
        if not answer.startswith(b"HTTP/1.1 202"):
            raise RuntimeError(answer.decode())

    async def close(self) -> None:
        self._transport.close()


async def _ack_loop(port: int, _: int) -> _Ack:
    _, client = await asyncio.get_running_loop().create_connection(_Ack, "127.0.0.1", port)
    return client


class _Commit:
    """One connection that commits the same rows singly."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def __call__(self) -> None:
        box = os.urandom(len(BODY) + 28)
        now = datetime.now(UTC)
        await self._connection.execute(INSERT, "single", uuid4().hex, uuid4(), box[:32], 1, box, now)

    async def close(self) -> None:
        await self._connection.close()


async def _commit_loop(url: str, _: int) -> _Commit:
    return _Commit(await asyncpg.connect(url))
