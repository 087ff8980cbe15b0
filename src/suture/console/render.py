"""Templates, and the formats that they write in: the organisation's money, the viewer's time."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib.metadata import version
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.responses import HTMLResponse

from suture.catalogue.model import Catalogue
from suture.console import formats, progress, words
from suture.console.facts import facts_of
from suture.console.plainly import plainly
from suture.core import english
from suture.core.clock import Clock
from suture.views.exceptions import is_retriable
from suture.views.runbook import class_of
from suture.views.words import Words, document_of, held


class Asked(Protocol):
    """What rendering needs of a request; templates see the whole of it."""

    zone: ZoneInfo

    @property
    def is_fragment(self) -> bool: ...


class Renderer:
    """Renders pages for one organisation."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        organisation, said = catalogue.organisation, Words.of(catalogue)
        self._clock = clock
        self._zone = ZoneInfo(organisation.timezone)
        self._environment = Environment(
            loader=PackageLoader("suture.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "amount": partial(formats.amount, currency=organisation.currency),
            "money": formats.money,
            "number": formats.number,
            "quantity": formats.quantity,
            "percent": formats.percent,
            "size": formats.size,
            "seconds": formats.seconds,
            "duration": formats.duration,
            "words": formats.words,
            "sentence": formats.sentence,
            "plural": english.plural,
            "cause": english.cause,
            "closed": english.closed,
            "told": _in_zone(formats.told),
            "local": _in_zone(formats.local),
            "same_day": _in_zone(formats.same_day),
            "facts": facts_of,
            "marks": progress.marks,
            "standing": progress.standing,
            "subject_link": progress.subject_link,
            "standing_of": progress.standing_of,
            "runbook": class_of,
            "act": words.act,
            "command": words.command,
            "place_of": progress.place_of,
            "queue": words.queue,
            "queue_page": words.queue_page,
            "turned_away": words.turned_away,
            "turned_away_remedy": words.turned_away_remedy,
            "describe": said.describe,
            "repair": said.repair_of,
            "remedy": said.remedy,
            "side": said.side_of,
            "document": document_of,
            "held": held,
            "plainly": plainly,
        }
        self._environment.tests["retriable"] = is_retriable
        self._environment.globals |= {
            "organisation": organisation,
            "release": version("suture"),
            "STAGES": progress.STAGES,
            "ledger": said.ledger,
        }

    def page(self, template: str, request: Asked | None, *, status: int = 200, **content: object) -> HTMLResponse:
        """The page of a template. `now`, `request` and `zone` are known to every one."""
        told: dict[str, object] = {
            "now": self._clock.now(),
            "request": request,
            "zone": request.zone if request else self._zone,
            "layout": "fragment.html" if request and request.is_fragment else "base.html",
            "notice": "",
            "holders": {},
            **content,
        }
        return HTMLResponse(self._environment.get_template(template).render(told), status_code=status)


def _in_zone(write: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that writes times as the viewer's clock shows them."""

    @pass_context
    def written(context: Context, value: datetime, *rest: object) -> Any:
        return write(value, *rest, zone=context["zone"])

    return written
