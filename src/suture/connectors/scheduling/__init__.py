"""The scheduling system: appointments over FHIR R4 REST."""

from suture.connectors.scheduling.fhir import FhirScheduling

__all__ = ["FhirScheduling"]
