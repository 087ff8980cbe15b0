"""Contract ``fhir-appointment.v1``: what a scheduling system tells of appointments, as canonical events.

The delivery is Standard Webhooks' ``{type, timestamp, data}`` whose data is a FHIR R4 Bundle with the Appointment, the
people and place it names and, once completed, its Encounter, Coverage and ChargeItems. What belongs to an appointment
is found by following references, never by its place in the bundle; what can't be told is a person's to say.
"""

from suture.ingest.fhir_appointment.decoding import decode

__all__ = ["decode"]
