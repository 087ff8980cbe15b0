"""What a claim's own line keeps of what was told: in the end of its external id, which no person reads.

What an entry holds of a claim may be less than was told of it (nothing was open yet, the patient was not known). A
reversal names what was told, and a file that comes again is to find out what of it is still lacking: both go by this,
never by what was booked. Lines of before have none.
"""

import hashlib
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, cast

import msgspec

from suture.canonical.remittance import ClaimPayment

Kind = Literal["paid", "more", "also", "back"]
"""A claim of the invoice's payer, what completes one, a claim of another payer (or of the same one as another), or one
that takes back."""
_AMOUNT = r"m?\d+(?:p\d+)?"
_PATTERN = re.compile(
    rf"_(paid|more|also|back)_([0-9a-f]{{8}})_([0-9a-f]{{6}})_({_AMOUNT})_({_AMOUNT})_({_AMOUNT})_([wm])(?:_undoes_.*)?$"
)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """`visit` and `codes` are digests, of the appointment and of the reasons with their amounts. Amounts are positive
    where less was paid; those of a reversal are turned. `left` is what the catalogue left open on purpose. `whole` says
    that all of the claim was booked: nothing of it is lacking, whatever the catalogue says later."""

    kind: Kind
    visit: str
    codes: str
    own: Decimal
    patient: Decimal
    left: Decimal = Decimal(0)
    whole: bool = False

    @property
    def reverses(self) -> bool:
        return self.kind == "back"

    @property
    def says_own(self) -> bool:
        """Whether it gives reasons other than the patient's share. A reversal need not."""
        return self.codes != _digest((), 3)

    @property
    def sign(self) -> str:
        amounts = map(_written, (self.own, self.patient, self.left))
        return "_".join((self.kind, self.visit, self.codes, *amounts, "w" if self.whole else "m"))


def said_of(claim: ClaimPayment, kind: Kind, *, left: Decimal = Decimal(0), whole: bool = False) -> Said:
    sign = -1 if claim.reverses else 1
    own = [(one.code, one.amount.amount * sign) for one in claim.own_adjustments if one.amount]
    share = (claim.patient_responsibility or claim.explained) if claim.reverses else claim.patient_responsibility
    return Said(
        kind=kind,
        visit=visit(claim.appointment),
        codes=_digest((f"{code} {amount.normalize():f}" for code, amount in own), 3),
        own=sum((amount for _, amount in own), Decimal(0)),
        patient=share.amount * sign,
        left=left,
        whole=whole,
    )


def read(external_id: str) -> Said | None:
    """What the external id of a claim's own line says; None for a line of before."""
    found = _PATTERN.search(external_id)
    if not found:
        return None
    kind, of, codes, own, patient, left, whole = found.groups()
    return Said(
        kind=cast(Kind, kind),
        visit=of,
        codes=codes,
        own=_read(own),
        patient=_read(patient),
        left=_read(left),
        whole=whole == "w",
    )


def visit(appointment: str) -> str:
    return _digest((appointment,), 4)


def _digest(texts: Iterable[str], size: int) -> str:
    return hashlib.blake2b("\x1f".join(sorted(texts)).encode(), digest_size=size).hexdigest()


def _written(amount: Decimal) -> str:
    return f"{amount.normalize():f}".replace(".", "p").replace("-", "m")


def _read(text: str) -> Decimal:
    return Decimal(text.replace("p", ".").replace("m", "-"))
