"""Messages in words: what a mail says, and what a webhook holds."""

from collections.abc import Sequence

import msgspec

from suture.notify.matters import HEADINGS, Told, summary
from suture.notify.port import Note, Outgoing

_MOST_LINES = 20


class Wording(msgspec.Struct, frozen=True):
    """`organisation` is the catalogue's id, `console` where browsers reach it."""

    organisation: str
    console: str

    def subject(self, message: Outgoing) -> str:
        """What it is about; of one thing, which."""
        if len(message.notes) == 1:
            return f"Suture: {message.notes[0].text}"
        return f"Suture: {summary(note.kind for note in message.notes)}"

    def text(self, message: Outgoing) -> str:
        """Kind by kind, a line and a link each; of many of a kind the first."""
        parts: list[str] = []
        for kind in HEADINGS:
            of_kind = [note for note in message.notes if note.kind == kind]
            parts += [self._part(kind, of_kind)] if of_kind else []
        told = (
            f"You receive this message because of the notification rules in {self.organisation}'s catalogue:"
            f" {self.console}/account\n"
        )
        return "\n".join([*parts, "-- ", told])

    def _part(self, kind: Told, notes: Sequence[Note]) -> str:
        lines = [f"{len(notes):,} {HEADINGS[kind][len(notes) != 1]}", ""]
        for note in notes[:_MOST_LINES]:
            lines += [note.text, f"  {self.console}{note.path}", ""]
        if len(notes) > _MOST_LINES:
            lines += [f"and {len(notes) - _MOST_LINES:,} more: {self.console}/", ""]
        return "\n".join(lines)

    def body(self, message: Outgoing) -> bytes:
        """What a webhook holds: every notice with its link."""
        notes = [{**msgspec.to_builtins(note), "url": f"{self.console}{note.path}"} for note in message.notes]
        for note in notes:
            del note["path"]
        told = {
            "type": "suture.notification.v1",
            "id": str(message.id),
            "organisation": self.organisation,
            "summary": summary(note.kind for note in message.notes),
            "made_at": message.made_at,
            "notices": notes,
        }
        return msgspec.json.encode(told)
