"""Bulk remittances: one deposit, and what it says of any number of claims, as balanced entries.

A remittance of few claims is one entry. A larger one is a head for the deposit and parts for the claims, which meet in
the remittance clearing account and come to nothing there: Odoo's work and our memory for one call are bounded, a part
is posted in one transaction, and after a failure the parts that stand are passed over.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from suture.canonical.remittance import ClaimPayment, Remittance, imbalances
from suture.connectors.odoo.booking import Booked, Draft, book
from suture.connectors.odoo.books import Books, unwrap
from suture.connectors.odoo.claims import claim_label, read_items, share_label
from suture.connectors.odoo.client import Row
from suture.connectors.odoo.entries import EntryBuilder
from suture.connectors.odoo.matching import Settles
from suture.connectors.odoo.names import line_id, mark
from suture.connectors.odoo.parties import partner_deleted
from suture.connectors.odoo.setting import Setting
from suture.connectors.port import LedgerPartner, PostedRemittance, RemittanceProgress
from suture.core.failure import Rejected
from suture.core.money import Money, total

PART = 100
"""Claims in one entry."""


async def post(
    books: Books,
    remittance: Remittance,
    partners: Sequence[LedgerPartner],
    progress: Callable[[RemittanceProgress], None],
) -> PostedRemittance:
    """Raises `Rejected` where it doesn't add up, or where an adjustment has no account: nothing was written then."""
    _check(remittance, await books.setting())
    people = await books.parties.ensure_partners(partners)
    gone = [reference for reference, registered in people.items() if not registered.partner]
    if gone:
        raise partner_deleted(gone[0])
    if remittance.payer not in people:
        raise Rejected(
            "payer_unknown", f"{remittance.payer} of remittance {remittance.number} was not named", "Name it."
        )
    posting = Posting(books, await books.setting(), remittance, {ref: one.partner for ref, one in people.items()})
    numbers: list[str] = []
    unapplied: list[str] = []
    claims = 0
    async for draft, claimed in posting.drafts():
        outcome = unwrap((await book(books, [draft]))[draft.name])
        if not numbers:
            await posting.check_deposit(outcome.row)
        numbers.append(outcome.row["name"])
        unapplied += _unapplied(outcome, claimed)
        claims += len(claimed)
        progress(RemittanceProgress(claims=claims, of=len(remittance.claims)))
    return PostedRemittance(
        numbers=tuple(numbers), deposit=remittance.deposit, claims=claims, unapplied=tuple(unapplied)
    )


def _check(remittance: Remittance, setting: Setting) -> None:
    wrong = list(imbalances(remittance))
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise Rejected(
            "remittance_unbalanced",
            f"Remittance {remittance.number} does not add up: {'; '.join(wrong[:3])}{more}",
            "Ask the payer, or whoever translated it, for a remittance that balances.",
        )
    for claim in remittance.claims:
        for adjustment in claim.own_adjustments:
            setting.adjustment(adjustment.code)
    for kept in remittance.provider_adjustments:
        setting.adjustment(f"PLB-{kept.reason}")


def _unapplied(booked: Booked, claims: Sequence[ClaimPayment]) -> Iterator[str]:
    """The claims of which something found nothing to settle."""
    left = {one.label for one in booked.items if not one.settled}
    return (claim.claim for claim in claims if claim_label(claim) in left)


@dataclass
class _Lines:
    """What a part's claims come to, besides their receivables."""

    paid: Money
    adjusted: dict[str, Money] = field(default_factory=dict)
    settles: list[Settles] = field(default_factory=list)


class Posting:
    """One remittance on its way into the books. `partners` are ids by reference."""

    def __init__(self, books: Books, setting: Setting, remittance: Remittance, partners: Mapping[str, int]) -> None:
        self._books = books
        self._setting = setting
        self._told = remittance
        self._partners = partners

    async def drafts(self) -> AsyncIterator[tuple[Draft, Sequence[ClaimPayment]]]:
        """The entries in order, each with its claims, read just before it is booked."""
        claims = self._told.claims
        if len(claims) <= PART:
            yield await self._whole(), claims
            return
        yield self._head(), ()
        for number, start in enumerate(range(0, len(claims), PART), 1):
            part = claims[start : start + PART]
            yield await self._part(number, part), part

    async def check_deposit(self, entry: Row) -> None:
        """A number stands for one deposit: what was booked under it before must be this one. Raises `Rejected`."""
        account = self._setting.account("clearing_account")
        domain = [["move_id", "=", entry["id"]], ["account_id", "=", account], ["name", "=", "Remittance"]]
        lines = await self._books.odoo.search("account.move.line", domain, ["amount_currency"])
        booked = sum((Decimal(str(line["amount_currency"])) for line in lines), Decimal(0))
        if booked != self._told.deposit.rounded().amount:
            raise Rejected(
                "remittance_differs",
                f"{entry['name']} holds remittance {self._told.number} with a deposit of {booked}, and this one has "
                f"{self._told.deposit}",
                "Ask the payer for a remittance with a number of its own; a correction reverses the earlier claims.",
            )

    async def _whole(self) -> Draft:
        entry = self._entry(self._told.number)
        self._deposit(entry)
        lines = await self._claims(entry, self._told.claims)
        self._adjustments(entry, lines)
        return Draft(entry.document(), entry.total, lines.settles)

    def _head(self) -> Draft:
        """The deposit and what the payer kept, against the clearing account of the parts."""
        entry = self._entry(self._told.number)
        self._deposit(entry)
        paid = total((claim.paid for claim in self._told.claims), self._told.deposit.currency)
        entry.line(self._setting.account("remittance_clearing_account"), "Remittance", -paid.amount)
        return Draft(entry.document(), entry.total)

    async def _part(self, number: int, claims: Sequence[ClaimPayment]) -> Draft:
        entry = self._entry(f"{self._told.number}/{number}")
        lines = await self._claims(entry, claims)
        self._adjustments(entry, lines)
        entry.line(self._setting.account("remittance_clearing_account"), "Remittance", lines.paid.amount)
        return Draft(entry.document(), entry.total, lines.settles)

    def _entry(self, key: str) -> EntryBuilder:
        told = self._told
        return EntryBuilder(
            "remittance",
            key,
            self._setting,
            self._books.organisation,
            on=told.received_on,
            journal="bank",
            currency=told.deposit.currency,
        )

    def _deposit(self, entry: EntryBuilder) -> None:
        payer = self._partners[self._told.payer]
        entry.line(self._setting.account("clearing_account"), "Remittance", self._told.deposit.amount, partner=payer)
        for kept in self._told.provider_adjustments:
            account = self._setting.adjustment(f"PLB-{kept.reason}")
            label = f"PLB {kept.reason} {kept.reference}".strip()
            entry.line(account or self._setting.account("clearing_account"), label, kept.amount.amount, partner=payer)

    def _adjustments(self, entry: EntryBuilder, lines: _Lines) -> None:
        """One line a reason: a remittance of thousands of claims knows a dozen."""
        for code, amount in sorted(lines.adjusted.items()):
            account = self._setting.adjustment(code)
            if account is not None:
                entry.line(account, f"Adjustments {code}", amount.amount)

    async def _claims(self, entry: EntryBuilder, claims: Sequence[ClaimPayment]) -> _Lines:
        """A line a claim on its receivable, and one on the patient's where the patient owes a share."""
        lines = _Lines(Money.zero(self._told.deposit.currency))
        items = await read_items(self._books, self._told.number, claims, self._partners[self._told.payer])
        for number, claim in enumerate(claims, 1):
            lines.paid += claim.paid
            share = claim.patient_responsibility if claim.patient in self._partners else Money.zero(claim.paid.currency)
            amount = claim.paid + share + self._adjusted(claim, lines)
            face = items.face(claim)
            if amount:
                told = Settles(mark(line_id(entry.name, f"claim{number}")), items.settled_by(claim))
                label = claim_label(claim)
                entry.line(face.account, label, -amount.amount, partner=face.partner, settles=told.mark)
                lines.settles.append(told)
            if share:
                told = Settles(mark(line_id(entry.name, f"share{number}")), items.share_settled_by(claim))
                patient = self._partners[claim.patient or ""]
                entry.line(
                    face.account,
                    share_label(claim),
                    share.amount,
                    partner=patient,
                    settles=told.mark if told.items else "",
                )
                lines.settles.append(told)
        return lines

    def _adjusted(self, claim: ClaimPayment, lines: _Lines) -> Money:
        """What of a claim is adjusted away, summed by reason; what is to stay open is left out."""
        together = Money.zero(claim.paid.currency)
        for adjustment in claim.own_adjustments:
            if self._setting.adjustment(adjustment.code) is not None:
                before = lines.adjusted.get(adjustment.code, Money.zero(together.currency))
                lines.adjusted[adjustment.code] = before + adjustment.amount
                together += adjustment.amount
        return together
