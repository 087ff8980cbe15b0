"""The report of a month's close: what it was closed with, and what proves it."""

from suture.operate.report.explain import MOST
from suture.operate.report.gather import CloseReport, gather
from suture.operate.report.page import page

__all__ = ["MOST", "CloseReport", "gather", "page"]
