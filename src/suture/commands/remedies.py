"""What can be done about an exception, as commands: a button where there are buttons."""

from collections.abc import Mapping, Sequence

import msgspec

from suture.commands.exception_queue import REFUSED_COVERAGE
from suture.commands.ledger import DELETED
from suture.store.exceptions import OpenException

_STEWARDS = frozenset({"code_unmapped", "invalid_payload", "told_again", "told_differently", "patient_unclear"})
"""Codes about what a source says of people and services, which a data steward knows."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A command that may mend an exception: what its button says, the act it needs, its arguments, and the question
    that is to be answered first (empty: none)."""

    label: str
    command: str
    act: str
    fields: Mapping[str, object]
    question: str = ""


def offers(alike: Sequence[OpenException], stewards: Sequence[str] = (), asker: str = "") -> list[Offer]:
    """What is offered for exceptions of one cause, the most likely first. An `asker` who is a steward asks none."""
    first, numbers = alike[0], [one.number for one in alike]
    many = "" if len(alike) == 1 else f" (all {len(alike)})"
    found = []
    if first.code == REFUSED_COVERAGE:
        found.append(
            Offer(
                label=f"Bill the patient instead{many}",
                command="exceptions.bill_patient",
                act="visit.bill_patient",
                fields={"numbers": numbers},
                question="Why does the patient pay?",
            )
        )
    if first.code == DELETED and len(alike) == 1:
        found.append(
            Offer(
                label="Write it again",
                command="exceptions.rewrite",
                act="ledger.forget",
                fields={"number": first.number},
                question="Why is it written again?",
            )
        )
    if first.process and first.process.startswith("pause:") and first.interface:
        found.append(
            Offer(
                label=f"Let {first.interface} flow again",
                command="interfaces.resume",
                act="interface.resume",
                fields={"name": first.interface},
                question="What was mended?",
            )
        )
    if first.code in _STEWARDS and stewards and not {first.assignee, asker} & set(stewards):
        found.append(
            Offer(
                label=f"Ask a steward ({stewards[0]}){many}",
                command="exceptions.assign",
                act="exception.assign",
                fields={"numbers": numbers, "person": stewards[0]},
            )
        )
    return found
