"""``suture notifications``: what people are told, and whether it reaches them."""

from collections import Counter
from typing import Literal

import uvloop
from cyclopts import App
from rich.markup import escape

from suture.bootstrap.composition import Foundation, check_database, foundation
from suture.bootstrap.notifying import ways
from suture.bootstrap.settings import current
from suture.cli.acting import Most, out, table, with_context
from suture.cli.trouble import UserError
from suture.notify import trial
from suture.notify.port import MessageAnswer
from suture.outbound.posting import calling_out

app = App(
    name="notifications",
    help="What people are told by e-mail and webhook, by the rules of the catalogue's `notifications`.",
)
State = Literal["", "kept", "waiting", "sent", "given_up", "moot"]


@app.command(name="list")
def list_(*, state: State = "", to: str = "", most: Most = 50) -> None:
    """List messages, the newest first, and what is kept for its hour.

    Args:
        state: Only those that are kept for their hour, wait to be tried (again), were sent, were given up, or are moot
            (what they told of was over before their hour).
        to: Only those to this person or receiver.
        most: How many at most.
    """
    found = with_context(lambda context: trial.listed(context.database, state, to, most))
    if not found:
        out.print("There is none.")
        return
    rows = (
        (
            f"{one.created_at:%F %T}",
            one.channel,
            escape(one.recipient),
            ", ".join(f"{count} {kind}" for kind, count in Counter(one.kinds).items()),
            one.state,
            str(one.attempt),
            escape(one.answer) or (f"due {one.due_at:%F %T}" if one.state in ("kept", "waiting") else "-"),
        )
        for one in found
    )
    table(("made (UTC)", "by", "to", "what", "state", "tries", "answer"), rows)


@app.command(name="test")
def try_(person: str = "", *, webhook: str = "") -> None:
    """Send one message that says it is a trial, at once, and print what was answered.

    Args:
        person: Who is written to, by the name of their account.
        webhook: The receiver that is called instead, by its name in the catalogue.
    """
    if bool(person) == bool(webhook):
        raise UserError("name a person, or a receiver by --webhook: `suture notifications test ann`")
    settings, secrets = current()

    async def run() -> MessageAnswer:
        async with foundation(settings, secrets, most=2) as base:
            await check_database(base)
            return await _try(base, person, webhook)

    answer = uvloop.run(run())
    where = f"the receiver {webhook}" if webhook else "the mail server"
    out.print(f"{where} {answer.words}", markup=False)
    if answer.said:
        out.print(f"  {answer.said}", style="dim", markup=False)
    if answer.verdict != "delivered":
        raise UserError(f"the trial was not delivered. {answer.remedy}".strip())


async def _try(base: Foundation, person: str, webhook: str) -> MessageAnswer:
    told = base.catalogue.notifications
    if webhook and webhook not in told.webhooks:
        known = ", ".join(sorted(told.webhooks)) or "none"
        raise UserError(f"the catalogue's notifications have no webhook {webhook!r}; there is: {known}")
    if person and told.mail is None:
        raise UserError("the catalogue's notifications have no `mail`: nobody is written to")
    try:
        to = webhook or await trial.address_of(base.database, person)
    except trial.NobodyThere as error:
        raise UserError(str(error)) from error
    async with calling_out(private=base.settings.private_webhooks) as http:
        return await ways(base, http)["webhook" if webhook else "mail"].send(trial.trial(to, base.clock.now()))
