"""A real identity provider, npm's oidc-provider, and a person's browser at its pages."""

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2
import pytest

from suture.store.embedded import free_port

SCRIPT = Path(__file__).parent / "oidc" / "provider.mjs"
MODULES = Path(__file__).resolve().parents[2] / ".venv/oidc/node_modules"
CLIENT, SECRET = "suture", "a+secret/with=%41 all:that~needs-care"
PUBLIC_CLIENT = "public"
_SECONDS = 30
_STEPS = 20


@asynccontextmanager
async def identity_provider(
    redirect_uri: str, *, port: int = 0, algorithm: str = "RS256", in_id_token: bool = True
) -> AsyncIterator[str]:
    """Runs a provider, with keys of its own, that knows ada (of finance), ben (of no role) and eve (of whom userinfo
    says that she is ada); answers its issuer. It tells all it knows of them in the ID token, or else by userinfo."""
    node = _node()
    port = port or free_port()
    told = {"MODULES": str(MODULES), "PORT": str(port), "REDIRECT_URI": redirect_uri, "ALGORITHM": algorithm}
    told |= {"CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET, "PUBLIC_CLIENT_ID": PUBLIC_CLIENT}
    told |= {"IN_ID_TOKEN": "true" if in_id_token else "false", "PATH": os.environ.get("PATH", "")}
    process = await asyncio.create_subprocess_exec(node, SCRIPT, env=told, stdin=PIPE, stdout=PIPE, stderr=STDOUT)
    try:
        await _ready(process)
        yield f"http://127.0.0.1:{port}"
    finally:
        await _end(process)


def _node() -> str:
    """Where Node.js is; the test is skipped where it or the package is missing, except in CI, which must have them."""
    node = shutil.which("node")
    if node is not None and (MODULES / "oidc-provider").is_dir():
        return node
    why = "oidc-provider is not here: CI=true sh scripts/validators.sh installs it, with npm"
    if os.environ.get("CI") == "true" and shutil.which("npm"):
        pytest.fail(why)
    pytest.skip(why)


async def _ready(process: Process) -> None:
    assert process.stdout is not None
    said = b""
    async with asyncio.timeout(_SECONDS):
        while (line := await process.stdout.readline()) != b"ready\n":
            said += line
            assert line, f"the provider ended:\n{said.decode()}"


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.communicate(), _SECONDS)
    except TimeoutError:
        process.kill()
        await process.communicate()


class _Form(HTMLParser):
    """The one form of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = told["action"]
        elif tag == "input":
            self.fields[told["name"]] = told.get("value", "")


async def sign_in(url: str, login: str) -> Mapping[str, str]:
    """Walk the provider's pages as `login`, consent, and answer with what it sends the browser back."""
    target = dict(parse_qsl(urlsplit(url).query))["redirect_uri"]
    async with httpx2.AsyncClient(timeout=_SECONDS, trust_env=False) as browser:
        response = await browser.get(url)
        for _ in range(_STEPS):
            if response.is_redirect:
                url = urljoin(url, response.headers["location"])
                if url.partition("?")[0] == target:
                    return dict(parse_qsl(urlsplit(url).query))
                response = await browser.get(url)
            else:
                assert response.status_code == 200, f"{response.status_code} from {url}: {response.text[:500]}"
                form = _Form(response.text)
                fields = form.fields | ({"login": login, "password": "any"} if "login" in form.fields else {})
                url = urljoin(url, form.action)
                response = await browser.post(url, data=fields)
    raise AssertionError(f"no way back from {url}")
