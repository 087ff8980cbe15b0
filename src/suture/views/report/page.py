"""The report as one page of HTML that needs nothing else: to be read, printed, and kept."""

from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, Template, select_autoescape

from suture.views.report.explain import MOST
from suture.views.report.gather import CloseReport
from suture.views.words import money_of

_FOLDER = Path(__file__).parent


def page(report: CloseReport, zone: ZoneInfo) -> str:
    """`zone` is the organisation's, in which times are told."""

    def when(at: datetime | None) -> str:
        return f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at else ""

    return _template().render(report=report, when=when, money=_money, zone=zone.key, most=MOST)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=select_autoescape(("html",)), trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("close.html")


def _money(amount: Decimal | None, currency: str | None) -> str:
    return "" if amount is None else money_of(amount, currency or "")
