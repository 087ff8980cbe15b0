"""Opens and closes discrepancies, and tells of it: an event each, in the transaction that does it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from suture.canonical.events import DiscrepancyClosed, DiscrepancyFound, Event, ReconciliationFinished
from suture.catalogue import Catalogue
from suture.catalogue.reconciliation import Rule
from suture.core.ids import fact_id
from suture.reconcile import related_exceptions
from suture.reconcile.differences import Difference
from suture.reconcile.evidence import found
from suture.store import discrepancies, ledger_snapshot
from suture.store.database import Connection
from suture.store.discrepancies import Opened
from suture.store.ledger_snapshot import Holding
from suture.store.recorder import Recorder

BY = "reconciliation"
_SOURCE = "suture/reconciliation"
AGREE = "both sides were read again and agree"
_PAYMENTS, _VISITS = "posted_payment", "completed_appointment"


class DiscrepancyRecorder:
    """What a run found, as discrepancies that people work."""

    def __init__(self, recorder: Recorder, catalogue: Catalogue) -> None:
        self._recorder = recorder
        self._catalogue = catalogue

    async def explained(self, connection: Connection, told: Sequence[Difference], since: datetime) -> set[str]:
        """The keys of differences that are known: a person has their exception in hand, or decided; or the work is on
        its way since not too long."""
        subjects = {one.key: _subjects(one) for one in told if one.appointment}
        asked = sorted({subject for several in subjects.values() for subject in several})
        known = await ledger_snapshot.explained(connection, asked, since, [_VISITS, _PAYMENTS]) if asked else set()
        return {key for key, several in subjects.items() if not known.isdisjoint(several)}

    async def open(
        self,
        connection: Connection,
        told: Sequence[Difference],
        documents: Mapping[str, Sequence[Holding]],
        now: datetime,
    ) -> int:
        """Open what isn't open yet; answers how many that were."""
        if not told:
            return 0
        due = now + timedelta(hours=self._catalogue.reconciliation.due_hours)
        kept = [found(one, documents, self._catalogue) for one in told]
        opened = [one for one in await discrepancies.put(connection, kept, now, due) if one.new]
        systems = {one.rule.name: one.rule.judged for one in told}
        await self._record(connection, "found", [(one, _found(one, systems[one.rule])) for one in opened], now)
        return len(opened)

    async def close(
        self,
        connection: Connection,
        raw: frozenset[tuple[str, str]],
        span: tuple[date, date] | None,
        now: datetime,
    ) -> int:
        """Close the open ones in scope that differ no more; answers how many."""
        rules = {rule.name: rule for rule in self._catalogue.reconciliation.standing}
        gone = [
            one
            for one in await discrepancies.in_scope(connection, span)
            if (one.rule, one.key) not in raw and (span is not None or _asked(one.rule, rules))
        ]
        seen = await ledger_snapshot.documents(connection, [one.key for one in gone]) if gone else []
        closed: list[Opened] = []
        for one in gone:
            held = [document for document in seen if document.key == one.key]
            rule = rules.get(one.rule)
            if rule is not None and not _proved(rule, held):
                continue
            closed += await discrepancies.close(
                connection,
                [one.number],
                "repaired",
                at=now,
                by=one.closed_by or BY,
                reason=AGREE if rule is not None else f"the rule {one.rule} is no longer in the catalogue",
                proof=msgspec.json.encode([msgspec.to_builtins(document) for document in held]).decode(),
            )
        await self.tell_closed(connection, "repaired", closed, now)
        await related_exceptions.close(
            connection, self._recorder, [one for one in closed if one.rule in rules], now, BY
        )
        return len(closed)

    async def tell_closed(self, connection: Connection, fact: str, closed: Sequence[Opened], now: datetime) -> None:
        told = [
            (one, DiscrepancyClosed(number=one.number, rule=one.rule, reference=one.key, what=one.what))
            for one in closed
        ]
        await self._record(connection, fact, told, now)

    async def finished(
        self, connection: Connection, fact: ReconciliationFinished, correlation_id: str, now: datetime
    ) -> None:
        event = self._event(
            "suture.reconciliation.finished.v1",
            fact,
            subject=f"Reconciliation/{fact.run}",
            correlation_id=correlation_id or f"reconciliation-{fact.run}",
            at=now,
        )
        await self._recorder.record(connection, [event])

    async def _record(
        self, connection: Connection, fact: str, told: Sequence[tuple[Opened, msgspec.Struct]], now: datetime
    ) -> None:
        await self._recorder.record(
            connection,
            [
                self._event(
                    f"suture.discrepancy.{fact}.v1",
                    data,
                    subject=f"Discrepancy/{one.number}",
                    correlation_id=one.appointment or one.key,
                    at=now,
                    facility=one.facility,
                )
                for one, data in told
            ],
        )

    def _event(
        self,
        event_type: str,
        data: msgspec.Struct,
        *,
        subject: str,
        correlation_id: str,
        at: datetime,
        facility: str | None = None,
    ) -> Event:
        return Event(
            id=fact_id(event_type, subject),
            type=event_type,
            source=_SOURCE,
            subject=subject,
            organisation=self._catalogue.organisation.id,
            facility=facility,
            occurred_at=at,
            recorded_at=at,
            correlation_id=correlation_id,
            data=msgspec.Raw(msgspec.json.encode(data)),
        )


def _subjects(one: Difference) -> set[str]:
    return {f"Appointment/{one.appointment}", *([f"Payment/{one.key}"] if one.key != one.appointment else [])}


def _found(one: Opened, system: str) -> DiscrepancyFound:
    return DiscrepancyFound(
        system=system, entity=one.rule, reference=one.key, what=one.what, rule=one.rule, number=one.number
    )


def _proved(rule: Rule, documents: Sequence[Holding]) -> bool:
    """Whether a difference that is seen no more is fixed: a rule that compares only what stands on both sides says
    nothing of what stands on one."""
    if rule.right is None or rule.by == "totals" or "once" in rule.expects:
        return True
    standing = {one.book for one in documents if one.stands and one.counts}
    return (rule.left.book in standing) == (rule.right.book in standing)


def _asked(rule: str, rules: Mapping[str, object]) -> bool:
    """Whether a rule is asked of a few keys: totals are of whole days."""
    return getattr(rules.get(rule), "by", "key") == "key"
