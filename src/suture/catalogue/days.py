"""On which day something falls: the local date where it happened. Days begin and end in a facility's own zone."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from suture.canonical.records import Visit
from suture.catalogue.model import Catalogue


class Days:
    """The days of an organisation and of its facilities; one that says no zone is in the organisation's."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.zone = ZoneInfo(catalogue.organisation.timezone)
        self._zones = {place.code: ZoneInfo(place.timezone) for place in catalogue.facilities if place.timezone}

    def zone_of(self, facility: str | None) -> ZoneInfo:
        return self._zones.get(facility or "", self.zone)

    def on(self, at: datetime, facility: str | None = None) -> date:
        """The date that a calendar shows at a facility (none: where the organisation is) at a time."""
        return at.astimezone(self.zone_of(facility)).date()

    def of_visit(self, visit: Visit) -> date:
        """The day of a visit, on which its service was given: the one on which it ended, at its facility.

        What is charged, asked of a payer, invoiced, accrued, taken from stock, closed and compared is dated by this and
        by nothing else. It is recorded with the visit; of one that was recorded before days were, it is found anew.
        """
        return visit.day or self.on(visit.ended_at, visit.facility)

    def dated(self, visit: Visit) -> Visit:
        """The visit with its day, which follows from its end and its facility."""
        return msgspec.structs.replace(visit, day=self.on(visit.ended_at, visit.facility))

    def everywhere_over(self, at: datetime) -> date:
        """The last day that is over at every facility at a time."""
        return min(at.astimezone(zone).date() for zone in self._all()) - timedelta(days=1)

    def last_begun(self, at: datetime) -> date:
        """The last day that has begun at any facility at a time."""
        return max(at.astimezone(zone).date() for zone in self._all())

    def moments(self, first: date, last: date) -> tuple[datetime, datetime]:
        """When the first of some days begins, at whichever facility that is first, and when the last has ended
        everywhere."""
        begins = (datetime.combine(first, time(), zone) for zone in self._all())
        ends = (datetime.combine(last + timedelta(days=1), time(), zone) for zone in self._all())
        return min(begins), max(ends)

    def westernmost(self, at: datetime) -> ZoneInfo:
        """The zone in which a day ends last: what is over there is over at every facility."""
        return min(self._all(), key=lambda zone: at.astimezone(zone).utcoffset() or timedelta())

    def _all(self) -> tuple[ZoneInfo, ...]:
        return (self.zone, *self._zones.values())
