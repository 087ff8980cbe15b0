"""Which claims a reversal takes back, and what its lines keep of that.

A reversal takes back what was told, line by line as it was booked. Which claim it means is told by what was paid; where
two were paid alike, by what else it says. Where that decides nothing and the two differ, a person is asked.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import combinations

import msgspec

from suture.canonical.remittance import ClaimPayment
from suture.connectors.odoo.documents.matching import ITEM_FIELDS, Item, item
from suture.connectors.odoo.documents.session import CompanySession
from suture.connectors.odoo.records.names import source
from suture.connectors.odoo.remittances.booked_claims import RECEIVABLE, StandingClaim
from suture.connectors.odoo.remittances.claim_record import Said, read, said_of

_LINE, _PARTIAL = "account.move.line", "account.partial.reconcile"
_UNDOES = "undoes_"
_MOST_PARTS = 8
"""Into how many parts of one claim a reversal is looked for; what was split further is a person's."""

Parts = tuple[StandingClaim, ...]


def undone_by(claim: ClaimPayment, adjusted: Decimal, known: Sequence[StandingClaim]) -> Parts:
    """What a reversal takes back of what stands of its claim: that part whose payment it names, else several that come
    to it together. Nothing where no payment is the one that it names, or where it can't be told which. `adjusted` is
    what it says was adjusted away (negative), which only entries of before need."""
    paid, newest = -claim.paid.amount, list(reversed(known))

    def comes_to_it(parts: Parts) -> bool:
        if any(one.summed for one in parts):
            return sum((one.left for one in parts), Decimal(0)) == paid - adjusted
        return sum((_paid(one) for one in parts), Decimal(0)) == paid

    several = newest[:_MOST_PARTS]
    for size in (1, *range(len(newest), 1, -1)):
        of = several if 1 < size < len(newest) else newest
        fitting = [parts for parts in combinations(of, size) if comes_to_it(parts)]
        if fitting:
            return _meant(claim, fitting)
    return ()


def _paid(one: StandingClaim) -> Decimal:
    return sum((of.paid for of in one.whole), Decimal(0))


def _meant(claim: ClaimPayment, candidates: Sequence[Parts]) -> Parts:
    """Of several that were paid alike, those that the rest of what a reversal says names. One reason or the share
    decides alone; where both say something else than the other, or neither decides between different ones, nobody can
    tell. Of those of which the same was said, what is booked least is taken, then the newest."""
    says = said_of(claim, "back")
    by_own = [one for one in candidates if says.says_own and _own_is(says, one)]
    by_patient = [one for one in candidates if says.patient and _patient(one) == says.patient]
    left = [one for one in candidates if one in (by_own or candidates) and one in (by_patient or candidates)]
    if len({(_codes(one), _own(one), _patient(one)) for one in left}) != 1:
        return ()
    return min(left, key=lambda parts: sum(of.is_all for one in parts for of in one.whole))


def _own_is(says: Said, parts: Parts) -> bool:
    return _codes(parts) == says.codes if _codes(parts) else _own(parts) == says.own


def _codes(parts: Parts) -> str:
    """The digest of the reasons of one; empty where it isn't known, and of several, whose reasons only sums tell."""
    return parts[0].said.codes if len(parts) == 1 and parts[0].said else ""


def _own(parts: Parts) -> Decimal:
    return sum((one.said.own if one.said else one.adjustments for one in parts), Decimal(0))


def _patient(parts: Parts) -> Decimal:
    return sum((one.said.patient if one.said else one.shared for one in parts), Decimal(0))


class Turned(msgspec.Struct, frozen=True):
    """A line of ours that takes back the line `booked`, and the lines that had paid that one (`credits`): they are
    open again."""

    line: Item
    booked: int
    credits: tuple[int, ...] = ()


def sign_of(booked: int, credits: Sequence[int]) -> str:
    """What the external id of a line ends in that takes back the line `booked`. It is written before anything is taken
    apart, so that whoever goes on after an interruption knows what had paid what."""
    return f"{_UNDOES}{'_'.join(map(str, (booked, *credits)))}"


async def turned_in(session: CompanySession, lines: Sequence[Item]) -> list[Turned]:
    """What lines of ours say that they take back (`sign_of`)."""
    names = await session.odoo.external_ids(_LINE, [one.line for one in lines])
    return [turned for one in lines if (turned := _turned(one, names.get(one.line, "")))]


def _turned(line: Item, external_id: str) -> Turned | None:
    _, says, ids = external_id.rpartition(f"_{_UNDOES}")
    if not says:
        return None
    booked, *credits = map(int, ids.split("_"))
    return Turned(line, booked, tuple(credits))


async def credits_of(session: CompanySession, known: Sequence[StandingClaim]) -> dict[int, list[int]]:
    """What has paid patients' shares, by the share's line."""
    shares = [one.share.line for one in known if one.share]
    found: dict[int, list[int]] = defaultdict(list)
    if shares:
        fields = ["debit_move_id", "credit_move_id"]
        for row in await session.odoo.search(_PARTIAL, [["debit_move_id", "in", shares]], fields):
            found[row["debit_move_id"]].append(row["credit_move_id"])
    return found


class Early(msgspec.Struct, frozen=True):
    """A reversal's line that nothing was matched with: it took back what was not booked then."""

    line: Item
    said: Said | None
    on: date


async def early_reversals(
    session: CompanySession, payer: int, labels: Collection[str], besides: Collection[int], since: date
) -> dict[str, list[Early]]:
    """What reversals of a payer took back, not before `since`, of claims that were not booked then, the oldest
    first."""
    domain = [
        ["name", "in", sorted(labels)],
        ["partner_id", "=", payer],
        ["account_type", "=", RECEIVABLE],
        ["parent_state", "=", "posted"],
        ["reconciled", "=", False],
        ["amount_currency", ">", 0],
        ["date", ">=", since.isoformat()],
        ["move_id.invoice_origin", "=", source("remittance", session.organisation)],
    ]
    rows = await session.odoo.search(_LINE, domain, [*ITEM_FIELDS, "date"]) if labels else []
    lines = {one.line: (one, row["date"]) for row in rows if not (one := item(row)).matched}
    names = await session.odoo.external_ids(_LINE, sorted(lines))
    found: dict[str, list[Early]] = defaultdict(list)
    for line, (one, on) in sorted(lines.items()):
        name = names.get(line, "")
        said = read(name)
        early = said is None or (said.reverses and said.whole)  # nothing stood that it may have meant
        if early and one.move not in besides and not _turned(one, name):
            found[one.label].append(Early(one, said, date.fromisoformat(on)))
    return found


class Paid(msgspec.Struct, frozen=True):
    """A claim that a reversal may have taken back before it came."""

    amount: Decimal
    said: Said
    on: date


def takes_back(reversals: Sequence[Early], paid: Mapping[int, Paid]) -> dict[int, Item]:
    """Which of these reversals takes back which of a claim's payments (by any number): the one that it names, or all of
    them together. A claim of the reversal's own day may be what corrects it: what the two say has to agree."""
    found: dict[int, Item] = {}
    for one in reversals:
        rest = {
            n: of for n, of in paid.items() if n not in found and (one.said is None or one.said.visit == of.said.visit)
        }
        alone = next((n for n, of in rest.items() if of.amount == one.line.residual and _agree(one, [of])), None)
        if alone is not None:
            found[alone] = one.line
        elif sum((of.amount for of in rest.values()), Decimal(0)) == one.line.residual and _agree(one, rest.values()):
            found |= dict.fromkeys(rest, one.line)
    return found


def _agree(reversal: Early, paid: Collection[Paid]) -> bool:
    if reversal.said is None or all(of.on < reversal.on for of in paid):
        return True
    own = sum((of.said.own for of in paid), Decimal(0))
    patient = sum((of.said.patient for of in paid), Decimal(0))
    says = reversal.said
    if not (says.says_own or says.patient):
        return False
    return (not says.says_own or says.own == own) and (not says.patient or says.patient == patient)
