"""Passwords: argon2id by its library's parameters (RFC 9106), and what one must be like. No I/O, but it takes time."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 200
_HASHER = PasswordHasher()
_NOBODYS = _HASHER.hash("nobody's")
"""What a name that nobody has is checked against, so that it takes as long as any other."""


class WeakPassword(ValueError):
    """The password can't be used; the message says why."""


def check(password: str, name: str) -> None:
    """Raises `WeakPassword`. Length is what counts (NIST SP 800-63B): no rule asks for a digit or a sign."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPassword(f"a password has {SHORTEST} to {LONGEST} characters: a few words do well")
    if name.lower() in password.lower() or len(set(password)) < 5:
        raise WeakPassword("this password is easily guessed: a few words that don't belong together do well")


def hashed(password: str) -> str:
    return _HASHER.hash(password)


def verify(password: str, known: str | None) -> bool:
    """Whether this is the password; of somebody who has none it never is."""
    try:
        return _HASHER.verify(known or _NOBODYS, password) and bool(known)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(known: str) -> bool:
    """Whether it should be hashed again, by today's parameters."""
    return _HASHER.check_needs_rehash(known)
