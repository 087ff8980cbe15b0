"""A billing platform: eligibility, charges priced from its own price list, and payments that come in later."""

from suture_lab.simulators.billing.app import create_app

__all__ = ["create_app"]
