"""Who approves, or signs beside another, is another: not an account which that person made."""

from pathlib import Path

import msgspec
import pytest
from tests.integration.test_close_figures import MONTH, foundation, reaches_signing

from suture.access.roles import ADMINISTRATOR
from suture.acting.actor import Actor, NotPossible, NotSignedIn
from suture.acting.context import CommandContext
from suture.bootstrap.composition import command_context
from suture.catalogue import Catalogue
from suture.commands import accounts, approvals, month_end
from suture.commands.table import AddClient
from suture.core.clock import ManualClock
from suture.store.data_keys import Vault
from suture.store.database import Database

ROOT = Actor("root", "a test", roles=(ADMINISTRATOR,))
ADA, BEN, CEM = (Actor(name, "a test", (ADMINISTRATOR,), signed_in=True) for name in ("ada", "ben", "cem"))
ASKED = AddClient(name="erp", purpose="its screens", scopes=("events:read",))


@pytest.fixture
async def at(
    tmp_path: Path, database: Database, vault: Vault, clock: ManualClock, catalogue: Catalogue
) -> CommandContext:
    """A desk where adding clients needs a second person; root added ada and cem, and ada added ben."""
    watched = msgspec.structs.replace(catalogue, four_eyes=("client.add",))
    made = command_context(foundation(tmp_path, database, vault, clock, watched))
    for by, name in ((ROOT, "ada"), (ROOT, "cem"), (ADA, "ben")):
        await accounts.add(made, by, name, full_name="", email="", roles=[ADMINISTRATOR])
    return made


@pytest.mark.parametrize(("asks", "approves"), [(ADA, BEN), (BEN, ADA)])
async def test_an_account_is_no_second_person_for_who_made_it_until_another_invites_it_anew(
    at: CommandContext, asks: Actor, approves: Actor
) -> None:
    assert "waits as no. 1" in (await approvals.perform(at, asks, "clients.add", ASKED)).words
    with pytest.raises(NotPossible, match="another administrator invites ben anew"):
        await approvals.approve(at, approves, 1)
    assert [one.state for one in await approvals.listed(at)] == ["asked"]
    await accounts.invite(at, CEM, "ben")
    assert (await approvals.approve(at, approves, 1)).words == "client erp was added"


async def test_asking_and_approving_need_a_signed_in_person(at: CommandContext) -> None:
    with pytest.raises(NotSignedIn):
        await approvals.perform(at, ROOT, "clients.add", ASKED)
    await approvals.perform(at, ADA, "clients.add", ASKED)
    with pytest.raises(NotSignedIn):
        await approvals.approve(at, msgspec.structs.replace(CEM, signed_in=False), 1)
    assert (await approvals.approve(at, CEM, 1)).words == "client erp was added"


async def test_nobody_signs_a_month_twice_by_an_account_of_their_own_making(at: CommandContext) -> None:
    await month_end.start(at, ADA, MONTH)
    await reaches_signing(at)
    assert await month_end.sign(at, ADA, MONTH) == 1
    with pytest.raises(NotPossible, match="no two people"):
        await month_end.sign(at, BEN, MONTH)
