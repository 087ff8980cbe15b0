"""Other people's records as a clinic's day: FHIR R4 ndjson and bundles as Synthea writes them."""

from suture.simulators.clinic.synthea.files import Skipped
from suture.simulators.clinic.synthea.load import Loaded, load

__all__ = ["Loaded", "Skipped", "load"]
