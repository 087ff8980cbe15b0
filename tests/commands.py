"""Commands as a user runs them, without an interpreter's start for each.

A process that has loaded all that commands stand on forks for each of them: it gets the folder, the environment, the
arguments and the output of its own, and loads `suture.cli` afresh. What is tried is the same, in a tenth of the time.
Commands that start roles, or that are interrupted, are started as they are (`python -m suture`).
"""

import asyncio
import atexit
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from time import monotonic
from typing import NoReturn

_READY_SECONDS = 60


def clean_environment() -> dict[str, str]:
    """This environment, without any settings of Suture's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SUTURE_")}


def run(folder: Path, environment: Mapping[str, str], *arguments: str, seconds: float = 120) -> tuple[int, str]:
    """Run ``suture …`` in a folder to its end; answers exit status and all that it said. Raises `TimeoutError`, and
    ends it, where it takes longer."""
    ours, theirs = os.pipe()
    with socket.socket(socket.AF_UNIX) as line, open(ours, "rb", buffering=0) as output:
        line.settimeout(seconds)
        line.connect(_server())
        told = json.dumps({"folder": str(folder), "environment": dict(environment), "arguments": list(arguments)})
        socket.send_fds(line, [len(told).to_bytes(4, "big")], [theirs])
        os.close(theirs)
        line.sendall(told.encode())
        pid = int.from_bytes(_received(line, 4), "big")
        try:
            said = _all_of(output.fileno(), monotonic() + seconds)
            status = int.from_bytes(_received(line, 4), "big", signed=True)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise
        return status, said.decode()


async def arun(folder: Path, environment: Mapping[str, str], *arguments: str, seconds: float = 120) -> tuple[int, str]:
    """The same, while a test's own servers go on."""
    return await asyncio.to_thread(run, folder, environment, *arguments, seconds=seconds)


@cache
def _server() -> str:
    """The address of this test process's own, which is started by the first command."""
    folder = tempfile.mkdtemp(prefix="suture-commands-")
    address = f"{folder}/line"
    command = [sys.executable, __file__, address]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline().strip() != "ready":
        raise RuntimeError("the process that runs commands did not start")

    def stop() -> None:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return address


def _all_of(output: int, until: float) -> bytes:
    """All that is written to a pipe until its last writer ends."""
    found = b""
    while select.select([output], [], [], max(until - monotonic(), 0))[0]:
        part = os.read(output, 1 << 16)
        if not part:
            return found
        found += part
    raise TimeoutError("the command did not end in time")


def _received(line: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = line.recv(size - len(found))
        if not part:
            raise ConnectionError("the process that runs commands is gone")
        found += part
    return found


def _serve(address: str) -> NoReturn:
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen(64)
        print("ready", flush=True)
        while True:
            if sys.stdin in select.select([server, sys.stdin], [], [])[0]:
                os._exit(0)  # whoever started us is gone
            line, _ = server.accept()
            if os.fork() == 0:
                server.close()
                _attend(line)
            line.close()


def _load() -> None:
    """All that commands import but their own modules, which look at the environment as they are loaded."""
    source = Path(__file__).parents[1] / "src"
    for path in sorted((source / "suture" / "cli").rglob("*.py")):
        name = ".".join(path.relative_to(source).with_suffix("").parts)
        if not name.endswith(("__init__", ".main")):
            __import__(name)
    for name in [name for name in sys.modules if name.startswith("suture.cli")]:
        del sys.modules[name]


def _attend(line: socket.socket) -> NoReturn:
    """Run one command in a process of its own, and answer its id and its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, handles, _, _ = socket.recv_fds(line, 4, 1)
    told = json.loads(_received(line, int.from_bytes(size, "big")))
    pid = os.fork()
    if pid == 0:
        line.close()
        _become(told, handles[0])
    os.close(handles[0])
    line.sendall(pid.to_bytes(4, "big"))
    _, ended = os.waitpid(pid, 0)
    line.sendall(os.waitstatus_to_exitcode(ended).to_bytes(4, "big", signed=True))
    os._exit(0)


def _become(told: dict[str, object], output: int) -> NoReturn:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for mine, given in ((0, nothing), (1, output), (2, output)):
        os.dup2(given, mine)
    os.close(output)
    os.chdir(str(told["folder"]))
    os.environ.clear()
    os.environ.update(told["environment"])  # type: ignore[call-overload]
    sys.argv = ["suture", *told["arguments"]]  # type: ignore[misc]
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w", buffering=1), open(2, "w", buffering=1)  # noqa: SIM115
    status = 0
    try:
        runpy.run_module("suture", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _serve(sys.argv[1])
