"""Other people's records as a clinic's day: FHIR R4 ndjson and bundles as Synthea writes them."""

from suture_lab.simulators.clinic.synthea.files import Skipped
from suture_lab.simulators.clinic.synthea.load import Loaded, load

__all__ = ["Loaded", "Skipped", "load"]
