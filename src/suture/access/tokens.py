"""API keys, sessions and invitations: random, shown once, and kept as a digest. Pure but for the randomness."""

import base64
import hashlib
import secrets

PREFIX = "sut_"
_PREFIX_BYTES, _SECRET_BYTES = 5, 32


def new_token() -> tuple[str, str]:
    """A key, and the prefix by which people tell it: ``sut_<prefix>_<256 bits>``."""
    prefix = secrets.token_hex(_PREFIX_BYTES)
    return f"{PREFIX}{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}", prefix


def digest(token: str) -> bytes:
    """What is kept of a key. It is random and long, so that a plain digest can't be guessed back."""
    return hashlib.sha256(token.encode()).digest()


def new_secret() -> str:
    """A session's or an invitation's secret: 256 bits for a cookie or a URL."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def new_signing_secret() -> str:
    """A Standard Webhooks secret: ``whsec_`` and 32 random bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
