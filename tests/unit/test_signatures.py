"""Standard Webhooks signatures: which deliveries are provably their sender's, and fresh."""

import base64
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from suture.access.signatures import SignatureRefused, decode_secret, sign, verify

KEY, OTHER = b"k" * 24, b"o" * 24
NOW = 1_772_463_600
BODY = b'{"type": "appointment.booked"}'
RIGHT = sign(KEY, "msg_1", str(NOW), BODY)
WRONG = sign(OTHER, "msg_1", str(NOW), BODY)


def outcome(
    *,
    body: bytes = BODY,
    delivery_id: str | None = "msg_1",
    timestamp: str | None = str(NOW),
    signatures: str | None = RIGHT,
    secrets: tuple[bytes, ...] = (KEY,),
    now: float = NOW,
) -> str:
    """The delivery's id, or why it was refused."""
    try:
        return verify(
            body,
            delivery_id=delivery_id,
            timestamp=timestamp,
            signatures=signatures,
            secrets=secrets,
            now=datetime.fromtimestamp(now, UTC),
        )
    except SignatureRefused as refused:
        return refused.reason


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({}, "msg_1"),
        ({"secrets": (OTHER, KEY)}, "msg_1"),
        ({"signatures": f"{WRONG} {RIGHT}"}, "msg_1"),
        ({"signatures": f"v1a,whatever {RIGHT}"}, "msg_1"),
        ({"now": NOW + 300}, "msg_1"),
        ({"now": NOW - 300}, "msg_1"),
        ({"secrets": ()}, "signature_wrong"),
        ({"secrets": (OTHER,)}, "signature_wrong"),
        ({"signatures": WRONG}, "signature_wrong"),
        ({"signatures": "v1,"}, "signature_wrong"),
        ({"signatures": RIGHT.removeprefix("v1,")}, "signature_wrong"),
        ({"signatures": RIGHT.replace("v1,", "v2,")}, "signature_wrong"),
        ({"signatures": "v1,ü"}, "signature_wrong"),
        ({"body": BODY + b"\n"}, "signature_wrong"),
        ({"delivery_id": "msg_2"}, "signature_wrong"),
        ({"timestamp": str(NOW + 1)}, "signature_wrong"),
        ({"signatures": None}, "headers_missing"),
        ({"signatures": ""}, "headers_missing"),
        ({"delivery_id": None}, "headers_missing"),
        ({"timestamp": None}, "headers_missing"),
        ({"delivery_id": "msg.1"}, "id_with_dot"),
        ({"timestamp": "soon"}, "timestamp_invalid"),
        ({"timestamp": "-1"}, "timestamp_invalid"),
        ({"timestamp": "1.5"}, "timestamp_invalid"),
        ({"timestamp": "١٢٣"}, "timestamp_invalid"),
        ({"timestamp": "9" * 400}, "timestamp_invalid"),
        ({"now": NOW + 301}, "timestamp_too_old"),
        ({"now": NOW - 301}, "timestamp_too_new"),
    ],
)
def test_verify(sent: dict[str, object], expected: str) -> None:
    assert outcome(**sent) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("prefix", ["", "whsec_"])
def test_a_secret_is_base64_with_or_without_its_prefix(prefix: str) -> None:
    assert decode_secret(prefix + base64.b64encode(KEY).decode()) == KEY


@pytest.mark.parametrize("secret", ["whsec_", "", "whsec_????", "whsec_c2hvcnQ=", "whsec_ünicode", "not base64"])
def test_a_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"signing secret|ASCII"):
        decode_secret(secret)


class Vector(msgspec.Struct):
    scheme: str
    name: str
    secret: str
    headers: dict[str, str]
    payload: str
    now: int
    expect: str
    why: str = ""


def test_agrees_with_the_vectors_of_other_implementations(fixtures: Path) -> None:
    content = (fixtures / "webhooks" / "signature_vectors.json").read_bytes()
    vectors = [
        vector
        for vector in msgspec.json.decode(content, type=list[Vector], strict=False)
        if vector.scheme == "standard-webhooks" and vector.secret.startswith("whsec_")
    ]
    assert len(vectors) > 5
    assert {vector.name: _judge(vector) for vector in vectors} == {vector.name: vector.expect for vector in vectors}


def _judge(vector: Vector) -> str:
    try:
        key = decode_secret(vector.secret)
    except ValueError:
        return "invalid"
    headers = {name.lower(): value for name, value in vector.headers.items()}
    try:
        verify(
            vector.payload.encode(),
            delivery_id=headers.get("webhook-id"),
            timestamp=headers.get("webhook-timestamp"),
            signatures=headers.get("webhook-signature"),
            secrets=[key],
            now=datetime.fromtimestamp(vector.now, UTC),
        )
    except SignatureRefused:
        return "invalid"
    return "valid"


def test_a_delivery_whose_id_and_time_could_be_cut_elsewhere_is_refused() -> None:
    """Signed as `msg_1` with a body that begins with a time, it would else pass as `msg_1.TIME` too."""
    signature = sign(KEY, "msg_1", str(NOW), f"{NOW}.".encode() + BODY)
    assert signature == sign(KEY, f"msg_1.{NOW}", str(NOW), BODY)
    assert outcome(delivery_id=f"msg_1.{NOW}", signatures=signature) == "id_with_dot"
