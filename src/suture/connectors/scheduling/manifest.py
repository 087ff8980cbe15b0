"""A scheduling system that speaks FHIR R4."""

from suture.catalogue.manifest import Manifest

MANIFEST = Manifest(
    kind="fhir-scheduling",
    label="the scheduling system",
    roles=frozenset({"scheduling"}),
    connect="suture.connectors.scheduling.fhir:connect",
    tells=frozenset({"fhir-appointment.v1"}),
    takes=frozenset({"fhir-r4.v1"}),
    quality="bronze",
)
