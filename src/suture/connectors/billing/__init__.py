"""The billing platform: eligibility, charges and payments over its REST API."""

from suture.connectors.billing.rest import RestBilling

__all__ = ["RestBilling"]
