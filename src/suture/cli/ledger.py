"""``suture ledger`` and ``suture remittance``: what people do to the ledger through Suture."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from suture.canonical.records import Payer
from suture.canonical.remittance import Remittance
from suture.cli.acting import count, do, out, say
from suture.cli.trouble import UserError
from suture.codecs import remittance as codec
from suture.commands.table import BookRemittance, RewriteRecord
from suture.connectors.port import PostedRemittance, RemittanceProgress

_SHOWN = 3

_HELP = "What Suture knows of its records in the ledger."

app = App(name="ledger", help=_HELP)
first_called = App(name="odoo", help=_HELP)


@first_called.command(name=("rewrite", "forget"))
@app.command(name=("rewrite", "forget"))
def rewrite(record: str, *, reason: str) -> None:
    """Have a record written again that someone deleted in the ledger, and close the exception about it.

    Args:
        record: The number of the exception that says it is gone, or the record's external id, for example
            suture.invoice_A4711. A contact that someone changed is written over.
        reason: Why; it stands in the audit trail.
    """
    wanted = RewriteRecord(number=int(record)) if record.isdecimal() else RewriteRecord(record=record)
    say(do("exceptions.rewrite", wanted, reason))


def remittance(
    path: Path | None = None,
    *,
    company: str | None = None,
    reason: str = "",
    example: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Book a payer's remittance: one deposit, and what it says of each claim, into balanced entries.

    A deposit that isn't what its claims come to is refused before anything is written, and so is another content under
    a number that this payer used before. Of a claim that doesn't add up, or whose reason has no account, the money is
    booked and a person asked about the rest. Interrupted, the same command goes on where it stopped; done, it changes
    nothing. Exit status 1 where a person must decide about a claim: an exception says of which.

    Args:
        path: The remittance, a JSON document; `--example` shows one.
        company: The ledger's company, by name, where it isn't the catalogue's own.
        reason: Why; it stands in the audit trail.
        example: Print an example document, and do nothing.
    """
    if example:
        sys.stdout.write(codec.EXAMPLE.decode())
        return
    if path is None:
        raise UserError("name the remittance's file; `suture remittance --example` shows what is in one")
    told, payer = _read(path)
    posted = _book(told, payer, company, reason)
    entries = count(len(posted.numbers), "entry", "entries")
    numbers = ", ".join(posted.numbers[:_SHOWN]) + (", ..." if len(posted.numbers) > _SHOWN else "")
    what = f"{posted.deposit} for {count(posted.claims, 'claim')} in {entries} ({numbers})"
    out.print(f"{told.number}: {what}.", markup=False)
    for claims, words, code in (
        (posted.unapplied, "not settled as it stands", "claim_unapplied"),
        (posted.without_patient, "left at the payer: its patient is not known, or not the visit's", ""),
        (posted.unusual, "of a status that is not about money", "claim_status"),
        (posted.unbalanced, "not adding up, of which only the money was booked", "claim_unbalanced"),
        (
            posted.unmapped,
            "with a reason without an account, of which only the money was booked",
            "adjustment_unmapped",
        ),
    ):
        if claims:
            where = f"suture exceptions list{code and ' --code '}{code}"
            out.print(f"{count(len(claims), 'claim')} {words}: {where}", markup=False)
    if not posted.is_whole:
        sys.exit(1)


def _read(path: Path) -> tuple[Remittance, Payer]:
    try:
        return codec.decode(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from error
    except codec.Unreadable as error:
        raise UserError(f"{path} is {error}; `suture remittance --example` shows one") from error


def _book(told: Remittance, payer: Payer, company: str | None, reason: str) -> PostedRemittance:
    with _bar() as bar:
        task = bar.add_task(f"Remittance {told.number}", total=len(told.claims))

        def show(progress: RemittanceProgress) -> None:
            bar.update(task, completed=progress.claims)

        wanted = BookRemittance(remittance=told, payer=payer, company=company, progress=show)
        posted: PostedRemittance = do("remittances.book", wanted, reason).result
        return posted


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=out, transient=True)
