"""One remittance as its booking sees it: who told it, into which books, and by which catalogue."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from suture.canonical.remittance import Adjustment, ClaimPayment, Remittance
from suture.connectors.odoo.documents.entries import EntryBuilder
from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.records.company_config import CompanyConfig
from suture.connectors.odoo.remittances.adjudication import AdjustmentLine
from suture.connectors.odoo.remittances.booked_claims import DEPOSIT


@dataclass(frozen=True)
class RemittanceBooking:
    """`partners` are ids by reference."""

    session: CompanySession
    setting: CompanyConfig
    remittance: Remittance
    partners: Mapping[str, int]

    @property
    def payer(self) -> int:
        return self.partners[self.remittance.payer]

    @property
    def currency(self) -> int:
        return self.setting.currency_id(self.remittance.deposit.currency)

    def patient(self, claim: ClaimPayment) -> int:
        """The partner of a claim's patient; nothing where that one isn't known."""
        return self.partners.get(claim.patient or "", 0)

    def unmapped(self, claim: ClaimPayment) -> str:
        """The first reason of a claim that the plan has no account for; empty where it has one for each."""
        codes = [adjustment.code for adjustment in claim.own_adjustments] if claim.answered else []
        return next((code for code in codes if not self.setting.knows_adjustment(code)), "")

    def explained(self, claim: ClaimPayment) -> bool:
        """Whether a claim adds up and gives reasons that the plan knows. Told again once that is fixed, the rest of it
        is booked."""
        return not claim.misfit and not self.unmapped(claim)

    def reasons(self, claim: ClaimPayment) -> list[AdjustmentLine]:
        """What of a claim is adjusted away. What is to stay open, and what the plan doesn't know, is left out: a
        reversal takes back what was booked, whatever it says."""
        coded = ((one.code, one.amount) for one in claim.own_adjustments if one.amount)
        return [AdjustmentLine(code, account, amount) for code, amount in coded if (account := self._account(code))]

    def left_open(self, claim: ClaimPayment) -> Decimal:
        """What of a claim is to stay open, for another payer."""
        own = claim.own_adjustments if claim.answered and self.explained(claim) else ()
        return sum((one.amount.amount for one in own if not self._account(one.code)), Decimal(0))

    def _account(self, code: str) -> int | None:
        return self.setting.adjustment(code) if self.setting.knows_adjustment(code) else None

    def entry(self, key: str, ref: str) -> EntryBuilder:
        told = self.remittance
        return EntryBuilder(
            "remittance",
            key,
            self.setting,
            self.session.organisation,
            on=told.received_on,
            journal="bank",
            currency=told.deposit.currency,
            ref=ref,
        )

    def deposit(self, entry: EntryBuilder, *, signed: bool) -> None:
        """The lines of what came in, and of what the payer kept."""
        told, clearing = self.remittance, self.setting.account("clearing_account")
        entry.line(clearing, DEPOSIT, told.deposit.amount, partner=self.payer, sign=signature(told) if signed else "")
        for kept in told.provider_adjustments:
            account = self.setting.adjustment(f"PLB-{kept.reason}")
            entry.line(
                account or clearing, kept_label(kept.reason, kept.reference), kept.amount.amount, partner=self.payer
            )


def kept_label(reason: str, reference: str) -> str:
    return f"PLB {reason} {reference}".strip()


def signature(told: Remittance) -> str:
    """A digest of what a remittance says. Who the patients are is ours to know, and may be known better later."""
    claims = (
        (c.claim, c.appointment, c.status, c.charged, c.paid, c.patient_responsibility, *map(_said, c.adjustments))
        for c in told.claims
    )
    kept = ((one.reason, one.reference, one.amount) for one in told.provider_adjustments)
    parts = [(told.payer, told.number, told.deposit, told.received_on), *claims, *kept]
    text = "\x1e".join("\x1f".join(map(str, part)) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _said(adjustment: Adjustment) -> str:
    return f"{adjustment.code} {adjustment.amount}"
