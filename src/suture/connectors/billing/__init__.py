"""The billing platform: eligibility, charges and payments over its REST API."""
