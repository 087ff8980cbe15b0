"""The catalogue that governs a played day's clinic."""

from decimal import Decimal
from typing import Any

from suture.catalogue.write import tailored
from suture_lab.simulators.clinic.day import ClinicDay


def catalogue_text(day: ClinicDay, urls: dict[str, str], odoo: dict[str, Any], timeout: float | None = None) -> str:
    """The catalogue of this clinic: the commented template with its systems, facilities and services.

    `timeout`: how many seconds a call to one of the systems may take; as the template says where it is None.
    """
    patience = {} if timeout is None else {"timeout": timeout}
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
                "scheduling": {"url": urls["scheduling"] + "/fhir", **patience},
                "billing": {"url": urls["billing"], **patience},
                "odoo": odoo | patience,
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
