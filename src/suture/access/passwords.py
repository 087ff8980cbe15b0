"""Passwords: argon2id by its library's parameters (RFC 9106), and what one must be like. No I/O, but it takes time."""

import re

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

SHORTEST, LONGEST = 12, 200
_SAFE, _WEIGHED = 3, 72
"""The least score of four: safely unguessable by more than 10^8 tries; and how much of a long one is weighed."""
_SPLIT = re.compile(r"[^a-z0-9]+")
_HASHER = PasswordHasher()
_NOBODYS = _HASHER.hash("nobody's")
"""What a name that nobody has is checked against, so that it takes as long as any other."""


class WeakPassword(ValueError):
    """The password can't be used; the message says why."""


def check(password: str, *known: str) -> None:
    """Raises `WeakPassword`. How long it takes to guess is what counts (NIST SP 800-63B): no rule asks for a digit or a
    sign. The words that everybody `known` here (a name, the organisation's) is made of count for nothing."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPassword(f"a password has {SHORTEST} to {LONGEST} characters: a few unrelated words work well")
    rest = password.lower()
    for word in sorted({*_words(known), "suture"}, key=len, reverse=True):
        rest = rest.replace(word, " ")
    if not rest.strip() or zxcvbn(rest.strip()[:_WEIGHED])["score"] < _SAFE:
        raise WeakPassword("this password is easily guessed: a few unrelated words work well")


def _words(known: tuple[str, ...]) -> set[str]:
    return {word for text in known for word in _SPLIT.split(text.lower()) if len(word) > 2} | {
        text.lower() for text in known if text
    }


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
