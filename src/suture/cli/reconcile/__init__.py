"""``suture reconcile``: is anything missing, on either side?"""

from suture.cli.reconcile.command import app

__all__ = ["app"]
