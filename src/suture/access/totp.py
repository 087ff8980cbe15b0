"""The second factor: one-time passwords by time (RFC 6238), as every authenticator app makes them. Pure."""

from datetime import datetime

import pyotp
import segno

_STEP_SECONDS = 30
_ISSUER = "Suture"


def new_secret() -> str:
    """A secret in base 32, to be typed or scanned into an app."""
    return pyotp.random_base32()


def uri(secret: str, person: str, organisation: str) -> str:
    """What an app scans."""
    return pyotp.TOTP(secret).provisioning_uri(name=person, issuer_name=f"{_ISSUER} · {organisation}")


def picture(address: str) -> str:
    """A QR code as an image's data address, dark on light whatever the page's colours are."""
    return str(segno.make(address, micro=False).svg_data_uri(scale=4, border=3, dark="#000", light="#fff"))


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is, now or one to either side; None for none. The caller lets each be used once."""
    made, current = pyotp.TOTP(secret), int(now.timestamp()) // _STEP_SECONDS
    for step in (current, current - 1, current + 1):
        if pyotp.utils.strings_equal(code, made.at(step * _STEP_SECONDS)):
            return step
    return None
