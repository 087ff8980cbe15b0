"""Webhooks to subscribers: Standard Webhooks, retried, in order, disabled by policy, redelivered on request."""
