"""Webhook subscriptions of the calling client."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Request, Response

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.commands import subscriptions
from suture.commands.subscriptions import NoSuchSubscription
from suture.commands.table import AddSubscription, Done, OneSubscription, Redelivery, perform
from suture.core.ids import fact_id
from suture.gateway.api.calling import IdempotencyKey, Limit, TheContext, scoped
from suture.gateway.api.models import (
    DeliveryAnswer,
    DeliveryList,
    SecretAnswer,
    SubscriptionAnswer,
    SubscriptionList,
    SubscriptionMade,
    SubscriptionRequest,
    SubscriptionSwitch,
)
from suture.gateway.api.problems import ApiProblem, not_found
from suture.store.subscriptions import Subscription

router = APIRouter(tags=["subscriptions"])
Manager = Annotated[Actor, Depends(scoped("subscriptions:manage"))]


@router.post("/v1/subscriptions", status_code=201)
async def subscribe(
    request: Request,
    response: Response,
    context: TheContext,
    manager: Manager,
    wanted: SubscriptionRequest,
    _: IdempotencyKey = None,
) -> SubscriptionMade:
    """Subscribe to events by Standard Webhooks."""
    key = getattr(request.state, "idempotency_key", None)
    number = fact_id("subscription", manager.name, str(key)) if key else uuid4()
    private = request.app.state.private_webhooks
    asked = AddSubscription(number=number, url=wanted.url, types=tuple(wanted.types), private=private)
    try:
        done = await perform(context, manager, "subscriptions.add", asked)
    except NotPossible as error:
        raise ApiProblem(409, "not_subscribable", str(error)) from error
    response.headers["Location"] = f"/v1/subscriptions/{number}"
    return SubscriptionMade(**_answer(done.result).model_dump(), secret=done.secret)


@router.get("/v1/subscriptions")
async def page(context: TheContext, manager: Manager) -> SubscriptionList:
    """List this client's subscriptions."""
    return SubscriptionList(subscriptions=[_answer(one) for one in await subscriptions.listed(context, manager.name)])


@router.get("/v1/subscriptions/{subscription_id}")
async def read(context: TheContext, manager: Manager, subscription_id: UUID) -> SubscriptionAnswer:
    """Read a subscription."""
    return _answer(await _own(context, manager, subscription_id))


@router.patch("/v1/subscriptions/{subscription_id}")
async def switch(
    context: TheContext, manager: Manager, subscription_id: UUID, wanted: SubscriptionSwitch
) -> SubscriptionAnswer:
    """Enable or disable a subscription. What waited while it was disabled is delivered then; what was recorded
    meanwhile is read from `GET /v1/events`."""
    name = "subscriptions.enable" if wanted.state == "enabled" else "subscriptions.disable"
    await _steer(context, manager, name, OneSubscription(number=subscription_id))
    return _answer(await _own(context, manager, subscription_id))


@router.delete("/v1/subscriptions/{subscription_id}", status_code=204)
async def remove(context: TheContext, manager: Manager, subscription_id: UUID) -> None:
    """End a subscription. What waited is not delivered any more."""
    await _steer(context, manager, "subscriptions.remove", OneSubscription(number=subscription_id))


@router.post("/v1/subscriptions/{subscription_id}/secret")
async def rotate(
    context: TheContext, manager: Manager, subscription_id: UUID, _: IdempotencyKey = None
) -> SecretAnswer:
    """Give a subscription another secret; the one before signs beside it for a day."""
    done = await _steer(context, manager, "subscriptions.rotate", OneSubscription(number=subscription_id))
    return SecretAnswer(secret=done.secret)


@router.get("/v1/subscriptions/{subscription_id}/deliveries")
async def deliveries(context: TheContext, manager: Manager, subscription_id: UUID, limit: Limit = 100) -> DeliveryList:
    """List what became of the events, the newest first."""
    await _own(context, manager, subscription_id)
    found = await subscriptions.deliveries(context, subscription_id, most=limit)
    return DeliveryList(
        deliveries=[
            DeliveryAnswer(
                event=str(one.event),
                type=one.type,
                state=one.state,  # type: ignore[arg-type]
                created_at=one.created_at,
                attempts=one.attempts,
                answered_at=one.answered_at,
                answer=one.answer,
            )
            for one in found
        ]
    )


@router.post("/v1/subscriptions/{subscription_id}/deliveries/{event_id}/redeliver", status_code=202)
async def redeliver(
    context: TheContext, manager: Manager, subscription_id: UUID, event_id: UUID, _: IdempotencyKey = None
) -> SubscriptionAnswer:
    """Have an event delivered again."""
    found = await _own(context, manager, subscription_id)
    wanted = Redelivery(number=subscription_id, event=event_id)
    await _steer(context, manager, "subscriptions.redeliver", wanted, "such delivery")
    return _answer(found)


async def _steer(
    context: CommandContext, manager: Actor, name: str, arguments: OneSubscription, what: str = "such subscription"
) -> Done:
    try:
        return await perform(context, manager, name, arguments)
    except NoSuchSubscription as error:
        raise not_found(what) from error


async def _own(context: CommandContext, manager: Actor, number: UUID) -> Subscription:
    try:
        return await subscriptions.one(context, number, manager.name)
    except NoSuchSubscription as error:
        raise not_found("such subscription") from error


def _answer(found: Subscription) -> SubscriptionAnswer:
    return SubscriptionAnswer(
        id=str(found.id),
        url=found.url,
        types=found.types,
        state=found.state,  # type: ignore[arg-type]
        reason=found.reason,
        failing_since=found.failing_since,
        created_at=found.created_at,
    )
