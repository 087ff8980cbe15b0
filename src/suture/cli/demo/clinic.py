"""The demo's clinic: a made-up day or others' records, and the catalogue that governs it."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from suture.catalogue.write import tailored
from suture.cli.demo.options import DemoOptions
from suture.cli.trouble import UserError
from suture.simulators.clinic.day import ClinicDay
from suture.simulators.clinic.generate import generate
from suture.simulators.clinic.synthea.load import load


def clinic_day(options: DemoOptions, today: date) -> tuple[ClinicDay, Sequence[object]]:
    """The day, and what of the data could not be used (each prints its place and reason)."""
    if options.data is None:
        return generate(seed=options.seed, appointments=options.appointments, day=today), ()
    loaded = load(options.data, day=today, limit=options.appointments or None)
    if not loaded.day.appointments:
        raise UserError(
            f"{options.data} holds no encounters that can be used ({len(loaded.skipped)} records were skipped); "
            "it should hold FHIR R4 bundles or ndjson files as Synthea writes them"
        )
    return loaded.day, loaded.skipped


def catalogue_text(day: ClinicDay, urls: dict[str, str], odoo: dict[str, Any]) -> str:
    """The catalogue of this clinic: the commented template with its systems, facilities and services."""
    return tailored(
        {
            "organisation": {
                "id": "demo-clinics",
                "name": "Demo Clinics",
                "currency": day.currency,
                "timezone": "UTC",  # the day is laid out in it
            },
            "facilities": [{"code": facility.code, "name": facility.name[:120]} for facility in day.facilities],
            "systems": {
                "scheduling": {"url": urls["scheduling"] + "/fhir"},
                "billing": {"url": urls["billing"]},
                "odoo": odoo,
            },
            "code_tables": {
                "services": {
                    "rows": {f"{service.code_system}|{service.code}": service.code for service in day.services}
                }
            },
            "products": [{"code": product.code, "name": product.name} for product in day.products],
            "services": [_service(service) for service in day.services],
        }
    )


def _service(service: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"code": service.code, "name": service.name[:120]}
    if service.kit:
        entry["kit"] = [{"product": part.product, "quantity": _number(part.quantity)} for part in service.kit]
    if service.share is not None:
        entry["compensation"] = _number(service.share / 100)
    return entry


def _number(value: Decimal) -> str:
    return str(value.normalize() if value != value.to_integral() else value.to_integral())
