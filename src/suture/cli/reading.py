"""``suture runbook`` and ``suture audit``: what to do, and what was done."""

import msgspec
from rich.markdown import Markdown
from rich.markup import escape

from suture.acting.context import CommandContext
from suture.cli.acting import Most, out, table, with_context
from suture.cli.trouble import UserError
from suture.store import audit as trail
from suture.store.audit import AuditEntry, Proof
from suture.views.runbook import CLASSES, page


def runbook(name: str = "") -> None:
    """Say what to do about a class of exceptions.

    Args:
        name: The class; without one, all are listed.
    """
    if not name:
        table(("class", "codes"), ((one, ", ".join(sorted(codes))) for one, codes in CLASSES.items()))
        return
    if name not in CLASSES:
        raise UserError(f"there is no class {name!r}; there are {', '.join(CLASSES)}")
    out.print(Markdown(page(name)))


def audit(*, subject: str = "", most: Most = 50, verify: bool = False) -> None:
    """Show what people did, the newest first.

    Args:
        subject: Only what was done to this, for example Exception/12 or Process/completed_appointment:4711.
        most: How many at most.
        verify: Check that no entry was changed, taken out, slipped in or deleted; exit status 2 where one was.
    """

    async def read(context: CommandContext) -> tuple[list[AuditEntry], Proof | None]:
        async with context.database.connection() as connection:
            proof = await context.trail.prove(connection) if verify else None
            return await trail.newest(connection, subject, most), proof

    entries, proof = with_context(read)
    if entries:
        table(("no.", "when (UTC)", "who", "what", "to", "why", "more"), (_row(entry) for entry in entries))
    else:
        out.print("There is none.")
    if proof is not None and proof.fault is not None:
        raise UserError(proof.words)
    if proof is not None:
        out.print(proof.words)


def _row(entry: AuditEntry) -> tuple[str, ...]:
    told = (entry.actor, entry.action, entry.subject, entry.reason or "-", _more(msgspec.json.decode(entry.detail)))
    return (str(entry.id), f"{entry.at:%Y-%m-%d %H:%M:%S}", *map(escape, told))


def _more(detail: object) -> str:
    """What an act was done with, for example which roles were given."""
    if isinstance(detail, dict):
        return "; ".join(f"{name}: {_more(value)}" for name, value in detail.items()) or "-"
    if isinstance(detail, list):
        return ", ".join(map(_more, detail)) or "-"
    return "-" if detail is None else str(detail)
