"""Master data: whether codes and references may be named, before somebody does."""

from typing import Annotated

from fastapi import APIRouter, Depends

from suture.acting.actor import Actor
from suture.gateway.api.calling import IdempotencyKey, TheContext, scoped
from suture.gateway.api.models import ValidationAnswer, ValidationRequest, VerdictAnswer
from suture.views import billing

router = APIRouter(tags=["master data"])
Reader = Annotated[Actor, Depends(scoped("master-data:read"))]


@router.post("/v1/validations")
async def validate(
    context: TheContext, _: Reader, wanted: ValidationRequest, __: IdempotencyKey = None
) -> ValidationAnswer:
    """Say of each whether it may be named in a visit, and why not."""
    verdicts = await billing.validate(context, [(item.kind, item.id) for item in wanted.items])
    return ValidationAnswer(items=[VerdictAnswer.model_validate(one) for one in verdicts])
