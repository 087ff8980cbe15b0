"""What became of claims' invoices before: what others paid of them, and what claims adjusted away and left to their
patients."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

import msgspec

from suture.connectors.odoo.documents.matching import Item, items_by_line
from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.remittances.booked_claims import CLAIM, StandingClaim, lines_of_entries, standing

_PARTIAL = "account.partial.reconcile"
_FIELDS = ("debit_move_id", "credit_move_id", "debit_amount_currency")


class ClaimAnswer(msgspec.Struct, frozen=True):
    """What a claim made of an invoice, in one entry. `line` is its own line, nothing where it is not written yet."""

    line: int = 0
    payer: int = 0
    partner: int = 0
    """Whose share it put on a patient, or gave back (negative)."""
    share: Decimal = Decimal(0)
    promised: Decimal = Decimal(0)
    """What it said that its patient owes; told once, whatever completes it."""
    adjusted: Mapping[str, Decimal] = {}
    """By group and reason."""
    billed: bool = False
    """Whether it is of the payer that was billed."""
    left: Decimal = Decimal(0)
    """What it left open on purpose."""
    repeated: Decimal = Decimal(0)
    """What it said was adjusted away, as payers before it had."""


class Earlier(msgspec.Struct, frozen=True):
    """What one invoice was paid in whose own name, and the answers of its claims."""

    paid: Mapping[int, Decimal] = {}
    answers: tuple[ClaimAnswer, ...] = ()

    def besides(self, lines: Collection[int]) -> "Earlier":
        """Without what these claims' own lines stand for."""
        return Earlier(self.paid, tuple(one for one in self.answers if one.line not in lines or not one.line))

    def also(self, answers: Sequence[ClaimAnswer]) -> "Earlier":
        known = {one.line for one in self.answers if one.line}
        return Earlier(self.paid, (*self.answers, *(one for one in answers if one.line not in known)))

    def surplus(self, partner: int) -> Decimal:
        """What a patient bears beyond what all claims say that the patient owes: paid in the own name, at the desk for
        example, or put there by a claim that was paid more since."""
        borne = sum((one.share for one in self.answers if one.partner == partner), self.paid.get(partner, Decimal(0)))
        return max(borne - sum((one.promised for one in self.answers), Decimal(0)), Decimal(0))

    def repeated(self, adjusted: Mapping[str, Decimal], payer: int) -> dict[str, Decimal]:
        """What of a payer's adjustments the claims before say already, by group and reason, and no other claim of that
        payer has repeated."""
        used = sum((one.repeated for one in self.answers if one.payer == payer), Decimal(0))
        found = {}
        for code in sorted({code for one in self.answers for code in one.adjusted}):
            known = sum((one.adjusted.get(code, Decimal(0)) for one in self.answers), Decimal(0))
            gone = max(min(used, known), Decimal(0))
            used -= gone
            found[code] = max(min(adjusted.get(code, Decimal(0)), known - gone), Decimal(0))
        return found

    @property
    def answered(self) -> bool:
        """Whether the payer that was billed has answered."""
        return any(one.billed for one in self.answers)

    @property
    def left_open(self) -> bool:
        """Whether its answer left something open for another payer."""
        return any(one.billed and one.left > 0 for one in self.answers)


def answer_of(one: StandingClaim, *, billed: bool) -> ClaimAnswer:
    """What stands of a claim. Of one of before only what its entry holds is known."""
    said = one.said
    adjusted: dict[str, Decimal] = defaultdict(Decimal)
    for adjustment in one.adjusted:
        adjusted[adjustment.code] += adjustment.amount
    promised = max(one.shared, Decimal(0)) if said is None else said.patient if said.kind == "paid" else Decimal(0)
    own = sum(adjusted.values(), Decimal(0))
    return ClaimAnswer(
        line=one.claim.line,
        payer=one.claim.partner,
        partner=one.share.partner if one.share else 0,
        share=one.shared,
        promised=promised,
        adjusted=adjusted,
        billed=said.kind in ("paid", "more") if said else billed,
        left=said.left if said else Decimal(0),
        repeated=said.own - said.left - own if said and said.kind == "also" and said.whole else Decimal(0),
    )


async def earlier(
    session: CompanySession, invoices: Mapping[str, Sequence[Item]], *, others: bool
) -> dict[str, Earlier]:
    """By appointment, of those invoices (their items) that something was matched with. Claims that were reversed are
    matched with nothing any more. Entries of before, whose adjustments are sums, tell no claim's. With `others` the
    claims of other payers too, that paid what the first one left to the patient."""
    of_line = {one.line: (key, one.partner) for key, items in invoices.items() for one in items if one.matched}
    if not of_line:
        return {}
    partials = await session.odoo.search(_PARTIAL, [["debit_move_id", "in", list(of_line)]], _FIELDS)
    credits = await items_by_line(session, (row["credit_move_id"] for row in partials))
    paid: dict[str, dict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in partials:
        key, _ = of_line[row["debit_move_id"]]
        paid[key][credits[row["credit_move_id"]].partner] += Decimal(str(row["debit_amount_currency"]))
    settled = {row["credit_move_id"]: of_line[row["debit_move_id"]] for row in partials}
    answers: dict[str, list[ClaimAnswer]] = defaultdict(list)
    shares: dict[int, str] = {}
    for one in await _claims_of(session, credits.values()):
        key, billed_to = settled[one.claim.line]
        answers[key].append(answer_of(one, billed=one.claim.partner == billed_to))
        shares |= {one.share.line: key} if one.share and one.share.matched else {}
    if others and shares:
        for key, answer in await _of_shares(session, shares):
            answers[key].append(answer)
    return {key: Earlier(paid[key], tuple(answers[key])) for key, _ in set(of_line.values())}


async def _of_shares(session: CompanySession, shares: Mapping[int, str]) -> list[tuple[str, ClaimAnswer]]:
    """The claims that paid these shares of patients, by whose visit it is."""
    partials = await session.odoo.search(_PARTIAL, [["debit_move_id", "in", list(shares)]], _FIELDS)
    settled = {row["credit_move_id"]: shares[row["debit_move_id"]] for row in partials}
    claims = await _claims_of(session, (await items_by_line(session, settled)).values())
    return [(settled[one.claim.line], answer_of(one, billed=False)) for one in claims]


async def _claims_of(session: CompanySession, lines: Collection[Item]) -> list[StandingClaim]:
    """What entries hold of the claims whose own lines these are."""
    claims = [one for one in lines if one.label.startswith(CLAIM)]
    rows = await lines_of_entries(session, {one.move for one in claims})
    own = {one.line for one in claims}
    found = standing(rows, {one.label for one in claims})
    return [one for of in found.values() for one in of if one.claim.line in own]
