"""The report of a month's close: what it was closed with, and what proves it."""

from suture.views.report.explain import MOST
from suture.views.report.gather import CloseReport, gather
from suture.views.report.page import page

__all__ = ["MOST", "CloseReport", "gather", "page"]
