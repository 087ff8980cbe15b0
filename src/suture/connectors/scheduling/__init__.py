"""The scheduling system: appointments over FHIR R4 REST."""
