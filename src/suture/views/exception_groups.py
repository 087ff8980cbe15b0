"""What waits for a person: the exception queue, by cause."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import msgspec

from suture.store.exceptions import OpenException, cause_key


class ExceptionGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Exceptions that one remedy fixes, oldest first."""

    code: str
    outcome: str
    reason: str
    remedy: str
    owner: str
    interface: str | None
    exceptions: tuple[OpenException, ...]

    @property
    def key(self) -> str:
        return cause_key(self.code, self.reason, self.owner, self.interface)

    @property
    def since(self) -> datetime:
        return self.exceptions[0].opened_at


def causes_of(open_exceptions: Iterable[OpenException]) -> list[ExceptionGroup]:
    """Exceptions grouped by what one remedy fixes, the most frequent cause first, then the oldest."""
    alike: dict[tuple[str, str, str, str, str, str | None], list[OpenException]] = defaultdict(list)
    for item in open_exceptions:
        alike[item.code, item.outcome, item.reason, item.remedy, item.owner, item.interface].append(item)
    causes = [
        ExceptionGroup(
            code=code,
            outcome=outcome,
            reason=reason,
            remedy=remedy,
            owner=owner,
            interface=interface,
            exceptions=tuple(sorted(items, key=lambda item: item.opened_at)),
        )
        for (code, outcome, reason, remedy, owner, interface), items in alike.items()
    ]
    return sorted(causes, key=lambda cause: (-len(cause.exceptions), cause.since))
