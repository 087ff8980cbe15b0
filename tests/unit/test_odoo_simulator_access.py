"""What an ordinary user may ask and do, and how a missing right shows."""

from typing import Any

import aiohttp
import pytest

from suture_lab.simulators.odoo import create_app
from suture_lab.simulators.odoo.errors import AccessError, PythonError
from suture_lab.simulators.odoo.server import CannotBind
from suture_lab.simulators.serving import serving

from .test_odoo_simulator import Desk, desk

__all__ = ["desk"]


@pytest.mark.parametrize(
    ("operation", "attempt"),
    [
        ("create", lambda desk: desk("res.partner", "create", {"name": "Bob"})),
        ("write", lambda desk: desk("res.partner", "write", [1], {"name": "Bob"})),
        ("read", lambda desk: desk("res.partner", "search_read", [])),
        ("unlink", lambda desk: desk("res.partner", "unlink", [1])),
    ],
)
def test_a_missing_right_is_an_access_error(desk: Desk, operation: str, attempt: Any) -> None:
    desk.partner()
    desk.db.lacking = {"res.partner": {operation}}
    with pytest.raises(AccessError, match="You are not allowed to"):
        attempt(desk)
    assert desk("res.partner", "check_access_rights", operation, raise_exception=False) is False
    assert desk("res.users", "check_access_rights", operation, raise_exception=False) is True


def test_a_missing_right_shows_as_a_message_in_load(desk: Desk) -> None:
    desk.db.lacking = {"res.partner": {"create"}}
    answer = desk("res.partner", "load", ["id", "name"], [["x.bob", "Bob"]])
    assert answer["ids"] is False
    assert answer["messages"][0]["message"].startswith("You are not allowed to create")


@pytest.mark.parametrize(("method", "operation"), [("reconcile", "create"), ("remove_move_reconcile", "unlink")])
def test_matching_needs_rights_on_matches(desk: Desk, method: str, operation: str) -> None:
    desk.db.lacking = {"account.partial.reconcile": {operation}}
    with pytest.raises(AccessError):
        desk("account.move.line", method, [])


def test_external_ids_are_for_administrators(desk: Desk) -> None:
    with pytest.raises(AccessError):
        desk("ir.model.data", "search_read", [])


def test_18_renamed_the_question(desk: Desk) -> None:
    recent = desk.version >= 18
    assert bool(desk.server.method_kind("account.move", "has_access")) is recent
    assert desk.server.method_kind("account.move", "exists") == ("private" if recent else "records")
    if recent:
        assert desk("account.move", "has_access", [], "create") is True


def test_groups_are_asked_of_the_caller_on_17_and_of_users_on_19(desk: Desk) -> None:
    group, me = "account.group_account_user", desk.db.users["bot"]
    if desk.version == 17:
        assert desk("res.users", "has_group", group) is True
        return
    assert desk("res.users", "has_group", [me], group) is True
    assert desk("res.users", "has_group", [me], "base.group_system") is False
    with pytest.raises(PythonError, match="singleton"):
        desk("res.users", "has_group", [], group)
    with pytest.raises(CannotBind):
        desk("res.users", "has_group", group)


def test_what_a_user_reads_of_itself_and_of_the_database(desk: Desk) -> None:
    me = desk.read("res.users", desk.db.users["bot"], "company_ids", "login")
    assert (me["company_ids"], me["login"]) == ([1], "bot")  # others are hidden, as long as they aren't of the call
    (module,) = desk("ir.module.module", "search_read", [["name", "=", "stock"]], ["state", "latest_version"])
    assert (module["state"], module["latest_version"]) == ("installed", f"{desk.version}.0.1.0")
    company = desk.read("res.company", 1, "chart_template", "fiscalyear_last_day", "fiscalyear_last_month")
    assert company == {
        "id": 1,
        "chart_template": "generic_coa",
        "fiscalyear_last_day": 31,
        "fiscalyear_last_month": "12",
    }


async def test_rights_are_taken_and_given_back_while_it_runs() -> None:
    app = create_app(api_keys={"key": "bot"}, lacking={"res.partner": {"create"}})
    headers = {"Authorization": "bearer key"}
    async with serving(app) as url, aiohttp.ClientSession(headers=headers) as client:

        async def status() -> int:
            values = {"vals_list": [{"name": "Ann"}]}
            return (await client.post(f"{url}/json/2/res.partner/create", json=values)).status

        statuses = [await status()]
        await client.post(f"{url}/control/lacking", json={})
        statuses.append(await status())
        await client.post(f"{url}/control/lacking", json={"res.partner": ["create"]})
        statuses.append(await status())
    assert statuses == [403, 200, 403]
