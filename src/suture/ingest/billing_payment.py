"""Contract ``billing-payment.v1``: a payment that billing posted against a charge, as a canonical event."""

from datetime import date, datetime
from decimal import Decimal

import msgspec

from suture.canonical.events import PaymentPosted
from suture.canonical.records import Payment
from suture.core.codes import is_code
from suture.core.money import Money, unusable
from suture.ingest.decoding import UNREADABLE, Context, NotUnderstood, Understood, make_event

_REMEDY = (
    "Ask the billing platform's owner to send the payload in the contract's format, then retry or discard"
    " this exception."
)


class _Payment(msgspec.Struct, frozen=True):
    id: str
    charge_id: str
    charge_external_id: str
    amount: Decimal
    currency: str
    received_on: date
    payer: str | None = None


class _Data(msgspec.Struct, frozen=True):
    payment: _Payment


class _PaymentWebhook(msgspec.Struct, frozen=True):
    type: str
    timestamp: datetime
    data: _Data


class _NamedPayment(msgspec.Struct, frozen=True):
    """As much of a payment as says which it is."""

    id: str


class _NamedData(msgspec.Struct, frozen=True):
    payment: _NamedPayment


class _Named(msgspec.Struct, frozen=True):
    data: _NamedData


def decode(body: bytes, context: Context) -> Understood:
    """Raises `NotUnderstood`, which is about the payment where at least its id can be read."""
    try:
        return _decoded(body, context)
    except NotUnderstood as error:
        error.subject = _subject(body)
        raise


def _subject(body: bytes) -> str | None:
    try:
        named = msgspec.json.decode(body, type=_Named).data.payment.id
    except UNREADABLE:
        return None
    return f"Payment/{named}" if is_code(named) else None


def _decoded(body: bytes, context: Context) -> Understood:
    try:
        webhook = msgspec.json.decode(body, type=_PaymentWebhook)
    except UNREADABLE as error:
        raise NotUnderstood.invalid(error, _REMEDY) from error
    if webhook.type != "payment.posted":
        raise NotUnderstood("unknown_type", "the webhook's type is not in the contract", _REMEDY)
    told = webhook.data.payment
    _check_ids(told)
    _check_amount(told, context)
    payment = Payment(
        payment=told.id,
        charge=told.charge_id,
        appointment=told.charge_external_id,
        amount=Money(told.amount, told.currency),
        received_on=told.received_on,
        payer=f"Payer/{told.payer}" if told.payer else None,
    )
    event = make_event(
        context,
        "suture.payment.posted.v1",
        PaymentPosted(payment=payment),
        subject=f"Payment/{told.id}",
        correlation_id=told.charge_external_id,
        occurred_at=webhook.timestamp if webhook.timestamp.tzinfo else context.received_at,
    )
    return Understood(events=(event,))


def _check_ids(told: _Payment) -> None:
    """What goes into events is of an id's form: a name, or a sentence, stays sealed."""
    for name in ("id", "charge_id", "charge_external_id", "payer"):
        text = getattr(told, name)
        if text is not None and not is_code(text):
            raise NotUnderstood("id_invalid", f"{name} is not a valid id (one word, at most 64 characters)", _REMEDY)


def _check_amount(told: _Payment, context: Context) -> None:
    currency = context.catalogue.organisation.currency
    if told.currency != currency:
        raise NotUnderstood("currency_differs", f"a payment in another currency than {currency}", _REMEDY)
    why = unusable(told.amount, currency) or ("" if told.amount > 0 else "is not greater than zero")
    if why:
        raise NotUnderstood("amount_invalid", f"the payment's amount {why}", _REMEDY)
