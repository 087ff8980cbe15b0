"""Envelope encryption of payloads: AES-256-GCM under a data key, data keys wrapped by the master key.

A data key serves one organisation and month, so that retention can destroy a month's payloads by destroying its key.
"""

import hashlib
import os
from datetime import datetime

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class Sealed(msgspec.Struct, frozen=True):
    """A payload that only the holder of data key `key_id` can read. `box` is nonce and ciphertext."""

    key_id: int
    box: bytes


class SealBroken(Exception):
    """A stored payload can't be opened: its data key was destroyed, or the master key is not the one it was made with.
    Check `SUTURE_MASTER_KEY`; a payload past its retention is gone for good."""


class WrongMasterKey(SealBroken):
    """The master key in use is not the one that this database was begun with. Nothing may be sealed by it."""


class DataKey:
    """One data key, opened."""

    def __init__(self, key_id: int, period: str, secret: bytes) -> None:
        self.key_id = key_id
        self.period = period
        self._cipher = AESGCM(secret)

    def seal(self, content: bytes, bound_to: str) -> Sealed:
        """Seal `content`; it opens only for the same `bound_to`, what it belongs to: boxes can't be swapped."""
        nonce = os.urandom(_NONCE_BYTES)
        return Sealed(self.key_id, nonce + self._cipher.encrypt(nonce, content, bound_to.encode()))

    def open(self, sealed: Sealed, bound_to: str) -> bytes:
        """The content of a box. Raises `SealBroken`."""
        nonce, ciphertext = sealed.box[:_NONCE_BYTES], sealed.box[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, ciphertext, bound_to.encode())
        except (InvalidTag, ValueError) as error:
            raise SealBroken("a sealed payload does not open with its data key") from error


class MasterKey:
    """Wraps data keys. 32 random bytes that only the deployment knows. By its `mark` a database knows it again; the
    `trail_key` signs the audit trail."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(secret)
        self._fingerprint_key = hashlib.blake2b(secret, person=b"fingerprint").digest()
        self.trail_key = hashlib.blake2b(secret, person=b"audit trail", digest_size=32).digest()
        self.mark = hashlib.blake2b(b"suture", key=secret, person=b"key check", digest_size=32).digest()

    def fingerprint(self, content: bytes) -> bytes:
        """Recognises equal contents without revealing them: a keyed digest, useless to who lacks the master key."""
        return hashlib.blake2b(content, key=self._fingerprint_key, digest_size=32).digest()

    def seal(self, content: bytes, bound_to: str) -> bytes:
        """Seal what outlives every data key: a person's second factor, say."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, bound_to.encode())

    def open(self, box: bytes, bound_to: str) -> bytes:
        """Raises `SealBroken`."""
        try:
            return self._cipher.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], bound_to.encode())
        except (InvalidTag, ValueError) as error:
            raise SealBroken("data sealed by the master key does not open with this key") from error

    def new_wrapped(self) -> bytes:
        """A fresh data key, wrapped."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, AESGCM.generate_key(256), None)

    def unwrap(self, wrapped: bytes) -> bytes:
        """A data key's secret. Raises `SealBroken` when it was wrapped by another master key."""
        try:
            return self._cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], None)
        except (InvalidTag, ValueError) as error:
            raise SealBroken("a data key does not open with this master key") from error


def period_of(at: datetime) -> str:
    """The month whose data key seals what is received `at`, for example ``2026-11``."""
    return f"{at.year}-{at.month:02}"
