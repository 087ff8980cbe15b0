"""Standard Webhooks signatures, verified by a pure function of bytes, headers, secrets and now.

The signature covers ``id.timestamp.body`` (HMAC-SHA256, base64, prefix ``v1,``); a sender may put several in one
header and we may hold several secrets, so that keys rotate without a gap.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta

TOLERANCE = timedelta(minutes=5)
_PREFIX = "whsec_"
_SHORTEST_KEY = 24  # Standard Webhooks: 24 to 64 bytes


class SignatureRefused(Exception):
    """A delivery is not provably its sender's, or not fresh. `reason` is a short code and may be counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decode_secret(secret: str) -> bytes:
    """The key in a ``whsec_…`` secret. Raises `ValueError` when it isn't base64, or too short to be one."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a signing secret is `whsec_` followed by base64") from error
    if len(key) < _SHORTEST_KEY:
        raise ValueError(f"a signing secret holds at least {_SHORTEST_KEY} bytes")
    return key


def sign(secret: bytes, delivery_id: str, timestamp: str, body: bytes) -> str:
    """The signature, ready for the ``webhook-signature`` header."""
    digest = hmac.digest(secret, f"{delivery_id}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(digest).decode()


def verify(
    body: bytes,
    *,
    delivery_id: str | None,
    timestamp: str | None,
    signatures: str | None,
    secrets: Iterable[bytes],
    now: datetime,
) -> str:
    """The delivery's id, once one of `signatures` is right under one of `secrets`. Raises `SignatureRefused`."""
    if not delivery_id or not timestamp or not signatures:
        raise SignatureRefused("headers_missing")
    if "." in delivery_id:  # `id.timestamp.body` could then be cut in another place, and still be signed
        raise SignatureRefused("id_with_dot")
    _check_freshness(timestamp, now)
    offered = [signature for signature in signatures.split(" ") if signature.startswith("v1,")]
    for secret in secrets:
        expected = sign(secret, delivery_id, timestamp, body).encode()
        if any(hmac.compare_digest(expected, signature.encode()) for signature in offered):
            return delivery_id
    raise SignatureRefused("signature_wrong")


def _check_freshness(timestamp: str, now: datetime) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise SignatureRefused("timestamp_invalid")
    age = now.timestamp() - int(timestamp)
    if abs(age) > TOLERANCE.total_seconds():
        raise SignatureRefused("timestamp_too_old" if age > 0 else "timestamp_too_new")
