"""Remedies and runbooks as the console says them: what is a command elsewhere is a place or a button here.

The texts are written once, with commands in backquotes (```suture exceptions retry 12```); here each becomes words and,
where there is a page, a link. What only the command line can do is an engineer's, on the server.
"""

import re

from markupsafe import Markup, escape

_COMMAND = re.compile(r"`(suture(?: [^`]*)?)`")
_BLOCK = re.compile(r"(?m)^(?: {4}suture [^\n]*\n?)+")
_OPTIONS = {" --undo": " “Undo it”", " --leave": " “Leave it”", ": --reason;": ";"}
"""Options of a command that a refusal names, as the choices that a form has."""
_BEGINNING = re.compile(r"(?m)^ *(?:\d+\. |- )?(?:\*\*|\[)[a-z]")
"""Where a place that begins a line wants a capital letter."""
_SERVER = "(an engineer does it on the server)"

_RULES: tuple[tuple[str, str, str], ...] = (
    (r"exceptions list --class (?P<name>[a-z_]+)", "the exceptions of this class", "/exceptions?class={name}"),
    (r"exceptions list --code (?P<name>[a-z_]+)", "the exceptions with this code", "/exceptions?code={name}"),
    (r"exceptions list", "the exception queue", "/exceptions"),
    (r"exceptions show \S+ --payload", "“Open it” on the exception's page", ""),
    (r"exceptions show", "the exception's page", ""),
    (r"exceptions retry --class (?P<name>[a-z_]+)", "“Retry chosen” for this class", "/exceptions?class={name}"),
    (r"exceptions retry --code (?P<name>[a-z_]+)", "“Retry chosen” for this code", "/exceptions?code={name}"),
    (r"exceptions retry --interface", "“Retry chosen” in the exception queue", "/exceptions"),
    (r"exceptions retry --code", "“Retry chosen” in the exception queue", "/exceptions"),
    (r"exceptions retry", "“Retry” on the exception's page", ""),
    (r"exceptions edit .*--map", "“Correct the code table” on the exception's page", ""),
    (r"exceptions edit", "“Correct what was delivered” on the exception's page", ""),
    (r"exceptions discard .*--undo", "“Discard” with “Undo it” on the exception's page", ""),
    (r"exceptions discard .*--leave", "“Discard” with “Leave it” on the exception's page", ""),
    (r"exceptions discard", "“Discard” on the exception's page", ""),
    (r"exceptions assign", "“Assign” on the exception's page", ""),
    (r"exceptions", "the exception queue", "/exceptions"),
    (r"processes list --state (?P<name>[a-z]+)", "the processes that are {name}", "/processes?state={name}"),
    (r"processes list", "the list of processes", "/processes"),
    (r"processes show", "the process's page", ""),
    (r"processes resume", "“Go on” on the process's page", ""),
    (r"processes cancel", "“End it where it stands” on the process's page", ""),
    (r"processes decide", "the decision on the process's page", ""),
    (r"processes compensate", "“Undo all it did” on the process's page", ""),
    (r"reconcile run", "“Compare now”", "/reconciliation"),
    (r"reconcile list", "the list of differences", "/reconciliation"),
    (r"reconcile show", "the difference's page", ""),
    (r"reconcile repair", "“Repair” on the difference's page", ""),
    (r"reconcile accept", "“Accept as it is” on the difference's page", ""),
    (r"reconcile", "the page of differences", "/reconciliation"),
    (r"close start", "“Begin the close”", "/close"),
    (r"close status", "the month's page", "/close"),
    (r"close sign", "“Sign” on the month's page", "/close"),
    (r"close resume", "“Go on” on the month's page", "/close"),
    (r"close reopen", "“Reopen” on the month's page", "/close"),
    (r"close report", "the report on the month's page", "/close"),
    (r"interfaces", "the list of interfaces", "/interfaces"),
    (r"resume", "“Let it flow” on the interface's page", "/interfaces"),
    (r"pause", "“Pause” on the interface's page", "/interfaces"),
    (r"journey", "the appointment's page", ""),
    (r"audit", "the audit trail", "/audit"),
    (r"ledger (?:rewrite|forget)", "“Write it again” on the exception's page", ""),
    (r"replay .*--dry-run", "“Retry chosen”, which first shows what would come of it", "/exceptions"),
    (r"replay", "“Retry chosen” in the exception queue", "/exceptions"),
    (r"runbook", "the page on what to do", ""),
    (r"slo", "the objectives", "/"),
    (r"subscriptions (?:list|deliveries|enable|redeliver)", "the list of subscriptions", "/people"),
    (r"(?:clients|people)", "people and keys", "/people"),
    (r"notifications", f"the list of messages, and trying one {_SERVER}", ""),
    (r"doctor", f"the check of all connections {_SERVER}", ""),
    (r"prepare", f"the preparation of the ledger {_SERVER}", ""),
    (r"check", f"the check of the catalogue {_SERVER}", ""),
    (r"remittance", f"the command for remittances {_SERVER}", ""),
    (r"migrate", f"the update of the database {_SERVER}", ""),
    (r"(?:up|worker|gateway|console|init)", f"starting Suture {_SERVER}", ""),
    (r"--version", "the release at the foot of this page", ""),
)
"""A command (as it begins, after ``suture``): what the console calls that, and where it is."""

_COMPILED = tuple((re.compile(rf"suture {pattern}(?!\w)"), w, p) for pattern, w, p in _RULES)


def place_of_command(command: str) -> tuple[str, str] | None:
    """What the console calls a command, and its page (empty: none of its own); None for one that has no words here."""
    for pattern, words, path in _COMPILED:
        found = pattern.match(command)
        if found:
            names = found.groupdict()
            return words.format(**names), path.format(**names)
    return None


def plainly(text: str) -> Markup:
    """A text of a remedy, a reason or an answer, safe to show, with its commands as words and links."""
    for option, words in _OPTIONS.items():
        text = text.replace(option, words)
    parts = _COMMAND.split(text)
    told = Markup()
    for number, part in enumerate(parts):
        told += _linked(part) if number % 2 else escape(part)
    return told


def _linked(command: str) -> Markup:
    words, path = place_of_command(command) or (f"a command {_SERVER}", "")
    return Markup('<a href="{}">{}</a>').format(path, words) if path else Markup("<b>{}</b>").format(words)


def markdown(text: str) -> str:
    """A runbook's Markdown, with blocks of commands as lists of places and commands in the text as words and links."""
    told = _COMMAND.sub(lambda found: _in_markdown(found[1]), _BLOCK.sub(_listed, text))
    return _BEGINNING.sub(lambda found: found[0][:-1] + found[0][-1].upper(), told)


def _listed(block: re.Match[str]) -> str:
    places = dict.fromkeys(_in_markdown(line.strip()) for line in block[0].splitlines())
    return "".join(f"- {place}\n" for place in places)


def _in_markdown(command: str) -> str:
    words, path = place_of_command(command) or (f"a command {_SERVER}", "")
    return f"[{words}]({path})" if path else f"**{words}**"
