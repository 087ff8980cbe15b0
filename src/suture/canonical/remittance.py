"""What a payer says with its money: one deposit, and why each claim got what it got (X12 835 terms).

Amounts are in one currency, as a remittance's are. A claim balances when what was charged is what was paid plus all
adjustments; a remittance when its deposit is what the claims got less what the payer kept at provider level. The two
are apart: a claim that doesn't balance is that claim's trouble alone.
"""

from datetime import date
from enum import StrEnum

import msgspec

from suture.core.money import Money, total


class ClaimStatus(StrEnum):
    """CLP02, as far as it matters to the books."""

    PRIMARY = "1"
    SECONDARY = "2"
    TERTIARY = "3"
    DENIED = "4"
    PRIMARY_FORWARDED = "19"
    SECONDARY_FORWARDED = "20"
    TERTIARY_FORWARDED = "21"
    REVERSAL = "22"
    NOT_OUR_CLAIM = "23"
    PREDETERMINATION = "25"


ANSWERED = frozenset(
    {
        *(ClaimStatus.PRIMARY, ClaimStatus.SECONDARY, ClaimStatus.TERTIARY, ClaimStatus.DENIED),
        *(ClaimStatus.PRIMARY_FORWARDED, ClaimStatus.SECONDARY_FORWARDED, ClaimStatus.TERTIARY_FORWARDED),
    }
)
"""The statuses under which a payer says what becomes of a claim's money. To whom it was forwarded changes nothing of
that; a reversal takes it back; any other status is not about money, and what it says of amounts is not booked."""


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """Why less was paid than charged: CAS01 `group` (CO, PR, OA, PI), CAS02 `reason`, CAS03 `amount`; positive
    is less."""

    group: str
    reason: str
    amount: Money

    @property
    def code(self) -> str:
        """Group and reason as people write them, for example ``CO-45``."""
        return f"{self.group}-{self.reason}"


class ClaimPayment(msgspec.Struct, frozen=True, kw_only=True):
    """One claim's part of a remittance (loop 2100).

    `claim` is our claim number (CLP01), `status` CLP02 (any code: those that matter are `ClaimStatus`), `charged`
    CLP03, `paid` CLP04, `patient_responsibility` what the patient owes (CLP05), and `patient` that patient's reference.
    `adjustments` may leave out group PR, which is what CLP05 says; those given must add up to it. For a reversal all
    amounts are negative, and CLP05 is not used: group PR alone says the patient's part.
    """

    claim: str
    appointment: str
    status: str
    charged: Money
    paid: Money
    patient_responsibility: Money
    patient: str | None = None
    adjustments: tuple[Adjustment, ...] = ()

    @property
    def reverses(self) -> bool:
        """Whether it takes back what the payer said before."""
        return self.status == ClaimStatus.REVERSAL

    @property
    def answered(self) -> bool:
        """Whether it says what becomes of the claim's money. One that takes money without reversing doesn't."""
        return self.status in ANSWERED and self.paid.amount >= 0

    @property
    def own_adjustments(self) -> tuple[Adjustment, ...]:
        """Those that nobody owes any more: all but the patient's responsibility."""
        return tuple(a for a in self.adjustments if a.group != "PR")

    @property
    def explained(self) -> Money:
        """The patient's responsibility by the adjustments of group PR."""
        return total((a.amount for a in self.adjustments if a.group == "PR"), self.paid.currency)

    @property
    def settled(self) -> Money:
        """What of the charge is no longer the payer's to pay: paid, adjusted away, or the patient's."""
        adjusted = total((a.amount for a in self.own_adjustments), self.paid.currency)
        return self.paid + self.patient_responsibility + adjusted

    @property
    def misfit(self) -> str:
        """What of it doesn't add up, in amounts; empty where it does. Of a claim that is reversed, or not answered,
        only what was paid counts: nothing else that it says is booked."""
        patient, share = self.explained, self.patient_responsibility
        if not self.answered:
            return ""
        if patient and patient != share:
            return f"the patient's share is {share}, its PR adjustments are {patient}"
        return f"charged {self.charged}, paid and adjusted {self.settled}" if self.charged != self.settled else ""

    def of_money_alone(self) -> "ClaimPayment":
        """What was paid, and nothing of what else it says."""
        return msgspec.structs.replace(self, adjustments=(), patient_responsibility=Money.zero(self.paid.currency))


class ProviderAdjustment(msgspec.Struct, frozen=True, kw_only=True):
    """What the payer kept or gave beside the claims (PLB): a positive `amount` was kept. `reason` is PLB03-1."""

    reason: str
    reference: str
    amount: Money


class Remittance(msgspec.Struct, frozen=True, kw_only=True):
    """One deposit of a payer: `number` TRN02, `deposit` BPR02, `received_on` BPR16."""

    number: str
    payer: str
    deposit: Money
    received_on: date
    claims: tuple[ClaimPayment, ...]
    provider_adjustments: tuple[ProviderAdjustment, ...] = ()


def imbalance(remittance: Remittance) -> str:
    """How a deposit differs from what its claims and adjustments come to, in words; empty where it doesn't."""
    currency = remittance.deposit.currency
    kept = total((p.amount for p in remittance.provider_adjustments), currency)
    due = total((claim.paid for claim in remittance.claims), currency) - kept
    deposit = remittance.deposit
    return f"{deposit} deposited, {due} by its claims and adjustments" if due != deposit else ""
