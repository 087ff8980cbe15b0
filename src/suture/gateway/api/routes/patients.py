"""Patient lookup. Every read is written to the audit trail; identifiers come in a body, never in a URL."""

from typing import Annotated

from fastapi import APIRouter, Depends

from suture.acting.actor import Actor
from suture.canonical.records import Patient
from suture.gateway.api.calling import IdempotencyKey, TheContext, scoped
from suture.gateway.api.models import IdentifierAnswer, PathId, PatientAnswer, PatientList, PatientSearch
from suture.gateway.api.problems import not_found
from suture.views import patients

router = APIRouter(tags=["patients"])
Reader = Annotated[Actor, Depends(scoped("patients:read"))]


@router.post("/v1/patient-lookup")
async def search(context: TheContext, reader: Reader, wanted: PatientSearch, _: IdempotencyKey = None) -> PatientList:
    """Look patients up by what a source calls them."""
    found = await patients.find(context, reader, wanted.identifier.system, wanted.identifier.value)
    return PatientList(patients=[_answer(patient) for patient in found])


@router.get("/v1/patients/{patient_id}")
async def read(context: TheContext, reader: Reader, patient_id: PathId) -> PatientAnswer:
    """Read a patient's record."""
    patient = await patients.read(context, reader, f"Patient/{patient_id}")
    if patient is None:
        raise not_found("such patient")
    return _answer(patient)


def _answer(patient: Patient) -> PatientAnswer:
    return PatientAnswer(
        id=patient.reference.rpartition("/")[2],
        identifiers=[IdentifierAnswer(system=one.system, value=one.value) for one in patient.identifiers],
        family=patient.family,
        given=patient.given,
        birth_date=patient.birth_date.isoformat() if patient.birth_date else None,
        language=patient.language,
        address_line=patient.address_line,
        city=patient.city,
        postal_code=patient.postal_code,
        country=patient.country,
    )
