"""Templates, and the formats of the organisation that they write in."""

from datetime import datetime
from functools import partial
from importlib.metadata import version
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from suture.catalogue.model import Organisation
from suture.console import formats, progress
from suture.console.facts import facts_of
from suture.core.clock import Clock
from suture.operate.runbook import class_of


class Renderer:
    """Renders pages for one organisation."""

    def __init__(self, organisation: Organisation, clock: Clock) -> None:
        self._clock = clock
        self._environment = Environment(
            loader=PackageLoader("suture.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        zone = ZoneInfo(organisation.timezone)
        self._environment.filters |= {
            "amount": partial(formats.amount, currency=organisation.currency),
            "money": formats.money,
            "number": formats.number,
            "size": formats.size,
            "seconds": formats.seconds,
            "duration": formats.duration,
            "words": formats.words,
            "told": partial(formats.told, zone=zone),
            "local": partial(formats.local, zone=zone),
            "same_day": partial(formats.same_day, zone=zone),
            "facts": facts_of,
            "marks": progress.marks,
            "standing": progress.standing,
            "subject_link": progress.subject_link,
            "standing_of": progress.standing_of,
            "runbook": class_of,
        }
        self._environment.globals |= {
            "organisation": organisation,
            "release": version("suture"),
            "STAGES": progress.STAGES,
        }

    def page(self, template: str, *, status: int = 200, **content: object) -> HTMLResponse:
        """The page of a template. `now` is known to every one."""
        now: datetime = self._clock.now()
        html = self._environment.get_template(template).render(now=now, **content)
        return HTMLResponse(html, status_code=status)
