"""The REST API under ``/v1``: what other systems need at once."""

from suture.gateway.api.app import create_api

__all__ = ["create_api"]
