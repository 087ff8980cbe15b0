"""A scheduling system: FHIR R4 over REST, signed webhooks, and a player that lets a clinic's day happen."""

from suture_lab.simulators.scheduling.app import create_app

__all__ = ["create_app"]
