"""Odoo's two remote protocols behind one call: JSON-2 (19 and later) and JSON-RPC (17, 18; ends with 22).

One call is one transaction in Odoo, on both. Arguments are named on both, so nothing above knows which one it uses.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import msgspec

from suture.connectors.http import Answer, HttpClient
from suture.connectors.odoo.transport.failures import OdooError, not_odoo, translate, translate_load
from suture.connectors.read_retry import read_patiently
from suture.core.failure import Fatal, Retriable, Unknown

JSON2_SINCE = 19

_READING = frozenset(
    {
        *("read", "search", "search_read", "search_count", "read_group", "formatted_read_group"),
        *("fields_get", "get_external_id", "check_object_reference", "has_access", "check_access_rights", "has_group"),
    }
)

Row = dict[str, Any]


class Transport(Protocol):
    """Calls a model's public method. `ids` is None for methods that take no records."""

    async def call(self, model: str, method: str, *, ids: Sequence[int] | None = None, **named: Any) -> Any: ...

    async def user(self) -> int:
        """The integration user's id."""
        ...


class Json2:
    """``POST /json/2/<model>/<method>`` with a bearer API key."""

    def __init__(self, http: HttpClient, database: str, api_key: str) -> None:
        self._http = http
        self._headers = {"Authorization": f"bearer {api_key}", "X-Odoo-Database": database}

    async def call(self, model: str, method: str, *, ids: Sequence[int] | None = None, **named: Any) -> Any:
        payload = named if ids is None else {"ids": ids, **named}
        reading = method in _READING
        answer = await self._http.post(f"/json/2/{model}/{method}", payload, headers=self._headers, reading=reading)
        if answer.status == 200:
            return decode(answer, reading=reading)
        raise translate(model, method, decode(answer, OdooError, reading=reading))

    async def user(self) -> int:
        context = await self.call("res.users", "context_get")
        return int(context["uid"])


class _RpcError(msgspec.Struct, frozen=True):
    data: OdooError = OdooError()


class _RpcAnswer(msgspec.Struct, frozen=True):
    """Neither `result` nor `error` is a success: the method returned None."""

    result: Any = None
    error: _RpcError | None = None


class JsonRpc:
    """``POST /jsonrpc`` with the API key in place of the password; HTTP 200 whatever happened."""

    def __init__(self, http: HttpClient, database: str, login: str, api_key: str) -> None:
        self._http = http
        self._database = database
        self._login = login
        self._api_key = api_key
        self._user: int | None = None

    async def call(self, model: str, method: str, *, ids: Sequence[int] | None = None, **named: Any) -> Any:
        user = await self.user()
        positional = [] if ids is None else [ids]
        arguments = [self._database, user, self._api_key, model, method, positional, named]
        return await self._rpc("object", "execute_kw", arguments, model, method)

    async def user(self) -> int:
        if self._user is None:
            arguments = [self._database, self._login, self._api_key, {}]
            user = await self._rpc("common", "authenticate", arguments, "res.users", "authenticate")
            if not user:
                raise translate("res.users", "authenticate", OdooError("odoo.exceptions.AccessDenied"))
            self._user = int(user)
        return self._user

    async def _rpc(self, service: str, function: str, arguments: list[Any], model: str, method: str) -> Any:
        parameters = {"service": service, "method": function, "args": arguments}
        payload = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": parameters}
        reading = method in _READING or service == "common"
        told = await self._http.post("/jsonrpc", payload, reading=reading)
        if told.status != 200:  # Odoo itself says 200 whatever happened
            raise not_odoo(told.status, reading=reading)
        answer = decode(told, _RpcAnswer, reading=reading)
        if answer.error is not None:
            raise translate(model, method, answer.error.data)
        return answer.result


def decode(answer: Answer, as_type: Any = Any, *, reading: bool) -> Any:
    """An answer's JSON as `as_type`; an answer that isn't JSON is no Odoo's, or not of this database."""
    try:
        return msgspec.json.decode(answer.body, type=as_type)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise not_odoo(answer.status, reading=reading) from error


class _Version(msgspec.Struct, frozen=True):
    server_version: str = ""
    server_version_info: tuple[Any, ...] = ()


class _VersionAnswer(msgspec.Struct, frozen=True):
    result: _Version = _Version()


async def server_version(http: HttpClient) -> tuple[str, int]:
    """The server's version as text and its major number, from the one endpoint that 17 to 19 share."""
    answer = await http.post("/web/webclient/version_info", {"jsonrpc": "2.0", "params": {}}, reading=True)
    if answer.status >= 500:
        raise not_odoo(answer.status, reading=True)
    found = decode(answer, _VersionAnswer, reading=True).result
    major = str(found.server_version_info[0] if found.server_version_info else "").rpartition("~")[2]
    if not major.isdigit():
        raise Fatal("not_odoo", "No Odoo answers at this address", "Correct Odoo's address in the catalogue.")
    return found.server_version, int(major)


_wrote: ContextVar[list[bool]] = ContextVar("wrote")


@contextmanager
def writes_noted() -> Iterator[None]:
    """Around a flow of several calls: once one of them wrote, a later one that did not happen is no proof that the flow
    did not. What is `Retriable` about the call is `Unknown` about the flow."""
    token = _wrote.set([])
    try:
        yield
    except Retriable as failure:
        if _wrote.get():
            raise Unknown(failure.code, failure.message, failure.remedy, not_before=failure.not_before) from failure
        raise
    finally:
        _wrote.reset(token)


class Odoo:
    """The calls that the connector makes, in the context of one company and in one language.

    `tracking_disable` keeps Odoo from writing each change of ours to the chatter as well (a third of the cost of an
    invoice); who did what is in Suture's audit trail, and in `create_uid` and `write_uid`.
    """

    def __init__(self, transport: Transport, version: int, company: int, *, main: bool = True) -> None:
        self.version = version
        self.company = company
        self.main = main  # whether it is the connector's own company, or another of the same database
        self._transport = transport
        self._user: int | None = None
        self._all_companies: list[int] | None = None
        self._context: Row = {
            "lang": "en_US",
            "tz": "UTC",
            "allowed_company_ids": [company],
            "tracking_disable": True,
        }
        # Creates what isn't there and leaves alone what is: an external id that was loaded with `noupdate` is not
        # written again in mode `update` (BaseModel._load_records). It makes `load` an insert-or-ignore, in one
        # transaction and without a look before, whatever state the document has reached or a person has changed.
        self._create_only = {**self._context, "mode": "update", "noupdate": True}

    async def user(self) -> int:
        """The integration user's id."""
        if self._user is None:
            self._user = await self._transport.user()
        return self._user

    async def companies(self) -> dict[int, str]:
        """The names of all companies that the user may work in, by id; in the context of one Odoo shows only that."""
        rows = await read_patiently(
            lambda: self._transport.call("res.company", "search_read", domain=[], fields=["name"])
        )
        return {row["id"]: row["name"] for row in rows}

    async def do(self, model: str, method: str, ids: Sequence[int], *, context: Row | None = None, **named: Any) -> Any:
        """A method that changes records; `context` adds to the usual one."""
        told = {**self._context, **(context or {})}
        answer = await self._transport.call(model, method, ids=ids, context=told, **named)
        _note_write()
        return answer

    async def ask(self, model: str, method: str, *, context: Row | None = None, **named: Any) -> Any:
        """A method that reads and takes no records; `context` adds to the usual one. What fails in passing is asked
        again in place."""
        return await self._patiently(model, method, context=context, **named)

    async def read(self, model: str, ids: Sequence[int], fields: Sequence[str]) -> dict[int, Row]:
        """Records by id; those that don't exist are left out. Many2one fields are ids (never names of people)."""
        rows = await self._patiently(model, "read", ids=ids, fields=fields, load="")
        return {row["id"]: row for row in rows}

    async def search(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], *, order: str = "id", limit: int | None = None
    ) -> list[Row]:
        rows: list[Row] = await self.ask(
            model, "search_read", domain=domain, fields=fields, order=order, limit=limit, load=""
        )
        return rows

    async def search_everywhere(self, model: str, domain: Sequence[Any], fields: Sequence[str]) -> list[Row]:
        """A search in all companies that the user may work in."""
        if self._all_companies is None:
            self._all_companies = list(await self.companies())
        context = {**self._context, "allowed_company_ids": self._all_companies}
        return list(
            await read_patiently(
                lambda: self._transport.call(
                    model, "search_read", domain=domain, fields=fields, load="", context=context
                )
            )
        )

    async def connect_post(
        self, ids: Sequence[int], settles: Sequence[Sequence[Any]], fields: Sequence[str]
    ) -> list[Row]:
        """Post, reconcile and read back in one call, by our own module in Odoo."""
        answer: list[Row] = await self._transport.call(
            "suture.connect", "post", moves=ids, settles=settles, columns=fields, context=self._context
        )
        _note_write()
        return answer

    async def has_model(self, model: str) -> bool:
        """Whether a model is there, and so the module that it comes with."""
        try:
            await self.ask(model, "fields_get", allfields=["id"], attributes=["type"])
        except Fatal as failure:
            if failure.code in ("not_understood", "access_missing"):
                return False
            raise
        return True

    async def sums(
        self, model: str, domain: Sequence[Any], by: str, fields: Sequence[str]
    ) -> list[tuple[int, dict[str, float]]]:
        """The sum of each of `fields` by a many2one field, as (id, sums); records without one are left out."""
        if self.version >= 19:
            named = [f"{field}:sum" for field in fields]
            rows = await self.ask(model, "formatted_read_group", domain=domain, groupby=[by], aggregates=named)
            return [(row[by][0], {field: row[f"{field}:sum"] for field in fields}) for row in rows if row[by]]
        rows = await self.ask(model, "read_group", domain=domain, fields=list(fields), groupby=[by], lazy=False)
        return [(row[by][0], {field: row[field] for field in fields}) for row in rows if row[by]]

    async def create_missing(self, model: str, fields: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[int]:
        """`load` that creates the records whose external id is new and answers the ids of all, in order."""
        return await self._load(model, fields, rows, self._create_only)

    async def upsert(
        self, model: str, fields: Sequence[str], rows: Sequence[Sequence[Any]], *, context: Row | None = None
    ) -> list[int]:
        """`load` that also overwrites the records which exist; `context` adds to the usual one."""
        return await self._load(model, fields, rows, {**self._context, "noupdate": True, **(context or {})})

    async def _load(self, model: str, fields: Sequence[str], rows: Sequence[Sequence[Any]], context: Row) -> list[int]:
        if not rows:
            return []
        answer = await self._transport.call(model, "load", fields=fields, data=rows, context=context)
        if not answer["ids"]:
            raise translate_load(model, answer["messages"])
        _note_write()
        return list(answer["ids"])

    async def external_ids(self, model: str, ids: Sequence[int]) -> dict[int, str]:
        """The external id of each record that has one, ``module.name``."""
        if not ids:
            return {}
        answer = await self._patiently(model, "get_external_id", ids=ids)
        return {int(identifier): name for identifier, name in answer.items() if name}

    async def _patiently(self, model: str, method: str, *, context: Row | None = None, **named: Any) -> Any:
        told = {**self._context, **(context or {})}
        return await read_patiently(lambda: self._transport.call(model, method, context=told, **named))


def _note_write() -> None:
    noted = _wrote.get(None)
    if noted is not None:
        noted.append(True)
