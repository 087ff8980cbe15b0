"""Commands for setting up: write and check a catalogue, bring the schema up to date, prepare the ledger."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import uvloop
from cyclopts import Parameter
from rich.console import Console

from suture.bootstrap.composition import connect_database, connect_ledger, ledger_plan
from suture.bootstrap.servers import database_address
from suture.bootstrap.settings import current
from suture.catalogue import load
from suture.catalogue.write import template
from suture.cli.acting import agree
from suture.cli.trouble import UserError
from suture.core.english import plural
from suture.processes.definitions import DEFINITIONS

out = Console(highlight=False)


def init(path: Path = Path("catalogue.yaml"), *, force: bool = False) -> None:
    """Write a commented catalogue to start from.

    Args:
        path: Where to write it.
        force: Overwrite a file that is there.
    """
    if path.exists() and not force:
        raise UserError(f"{path} is there already; choose another path, or --force to overwrite it")
    try:
        path.write_text(template(), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror}") from error
    out.print(f"Wrote {path}. Adapt it, then run: suture check {path}", markup=False)


def check(path: Path | None = None) -> None:
    """Validate a catalogue; every problem is named with its file and line. Exit status 2 when there is one.

    Args:
        path: The catalogue; as the settings say where it isn't given.
    """
    chosen = path or current()[0].catalogue
    catalogue = load(chosen)
    steps = {step.name for definition in DEFINITIONS for step in definition.leaves()}
    for name, interface in catalogue.interfaces.items():
        if unknown := sorted(interface.retry_by_step.keys() - steps):
            raise UserError(
                f"{chosen}: interfaces.{name}.retry_by_step names {', '.join(unknown)}; the steps are "
                f"{', '.join(sorted(steps))}"
            )
    there_is = (
        plural(len(catalogue.systems), "system"),
        plural(len(catalogue.interfaces), "interface"),
        plural(len(catalogue.facilities), "facility", "facilities"),
        plural(len(catalogue.services), "service"),
        plural(sum(len(table.rows) for table in catalogue.code_tables.values()), "code table row"),
    )
    out.print(f"{chosen} is fine: {', '.join(there_is)}.", markup=False)


def migrate() -> None:
    """Bring the database's schema up to date. `suture up` does it by itself."""
    from suture.store.schema import migrate as run

    address = database_address(current()[0])

    async def reach() -> None:
        await (await connect_database(address, 1)).close()  # says in words what is wrong with an address

    uvloop.run(reach())
    uvloop.run(run(address))
    out.print("The schema is current.")


def prepare(*, yes: Annotated[bool, Parameter(alias="-y")] = False) -> None:
    """Make what the catalogue names stand in the ledger: products, accounts, analytic accounts, stock locations.

    Nothing that is there is changed; what is created carries external ids of the module `suture`.

    Args:
        yes: Don't ask.
    """
    settings, secrets = current()
    catalogue = load(settings.catalogue)
    _, system = catalogue.system_of("ledger")
    plan = ledger_plan(catalogue)
    accounts = len({told.account for told in plan.adjustments.values() if told.account}) + 8
    out.print(
        f"In {system.label} at {system.url}{_named(system.settings)} this may create up to "
        f"{plural(len(plan.products), 'product')}, {plural(len(catalogue.facilities), 'facility', 'facilities')} "
        f"(analytic account and stock location) and {accounts} accounts"
        f"{' in each company' if len(catalogue.companies()) > 1 else ''}.",
        markup=False,
    )
    agree("Go on?", yes=yes)

    async def run() -> None:
        ledger = connect_ledger(catalogue, secrets)
        try:
            created = [
                words
                for company in catalogue.companies()
                for words in await ledger.of_company(company).prepare(ledger_plan(catalogue, company))
            ]
        finally:
            await ledger.close()
        out.print("\n".join(created) or "Everything stood already.", markup=False)

    uvloop.run(run())


def _named(settings: Any) -> str:
    """What else tells a system of this kind from another at one address."""
    told = msgspec.to_builtins(settings)
    return "".join(f" ({name} {told[name]})" for name in ("database",) if told.get(name))
