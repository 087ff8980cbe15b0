"""What a page is: its path, what answers it, and who may see it."""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.responses import Response

from suture.console.request import PageRequest


class Page(msgspec.Struct, frozen=True):
    """A page. `act` is what its reader's roles must allow (empty: to be signed in is enough); a `public` one is for
    everybody."""

    path: str
    answer: Callable[[PageRequest], Awaitable[Response]]
    act: str = ""
    method: str = "GET"
    public: bool = False
