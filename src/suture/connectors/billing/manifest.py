"""A billing platform with the REST contract of `wire`."""

from suture.catalogue.manifest import Manifest

MANIFEST = Manifest(
    kind="rest-billing",
    label="the billing platform",
    roles=frozenset({"billing"}),
    connect="suture.connectors.billing.rest:connect",
    tells=frozenset({"billing-payment.v1"}),
    takes=frozenset({"rest-billing.v1"}),
    capabilities=frozenset({"eligibility", "claims"}),
    quality="bronze",
)
