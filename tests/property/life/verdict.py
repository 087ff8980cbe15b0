"""What a life came to: the effect that it had in the outside systems' own books, and whether that is allowed."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from .script import COMPLETIONS, PATIENT, WITHDRAWALS, Life
from .world import PRICE, World

RECEIVABLE, INCOME, CLEARING, EXPENSE, LIABILITY = "121000", "400010", "101403", "630000", "230000"
SHARE = Decimal("0.30")

IN_PASSING = frozenset({"busy", "no_answer", "server_error", "unreadable_answer", "connection_lost"})
"""Codes of failures that come to a person only where few attempts are allowed."""

PAID = {"charge_paid", "invoice_paid"}
"""Codes of what asks before something that was paid is undone."""

_CENT = Decimal("0.01")
_MAIN = "completed_appointment"


@dataclass(frozen=True)
class Effect:
    """What stands in the outside systems of one life: net, whatever led there."""

    charge: str
    accounts: dict[str, Decimal]
    stock: dict[tuple[str, str], Decimal]
    residual: Decimal | None
    applied: frozenset[str]
    floating: frozenset[str]
    """Payments that are entered and posted, but not wholly reconciled."""

    @property
    def entered(self) -> frozenset[str]:
        return self.applied | self.floating


@dataclass(frozen=True)
class Found:
    """An appointment's end: our processes by key, open exceptions by process, and the effect outside."""

    states: dict[str, str]
    codes: dict[str, list[str]] = field(default_factory=dict)
    effect: Effect | None = None


class Wrong(AssertionError):
    """The life came to an end that is not allowed."""


class Verdict:
    """Judges one life. `outcome` is a word for statistics."""

    def __init__(self, world: World, life: Life) -> None:
        self._world = world
        self._life = life
        self._key = f"{_MAIN}:{world.appointment}"

    async def reach(self) -> str:
        """The outcome. Raises `Wrong`."""
        _must(not self._world.overruled, f"a worker that had lost its lease wrote: {self._world.overruled}")
        self._nothing_is_doubled()
        states, codes = await self._states(), await self._codes()
        effect = self._effect()
        self._all_ended(states, codes)
        self._exceptions_fit(codes)
        main = states.get(self._key)
        if main is None or main == "compensated":
            self._without_effect(effect, main, codes)
        elif main == "done":
            self._billed(effect, codes)
        else:
            self._half_done(effect, codes)
        self._payments_settled(effect, states, codes)
        return self._word(effect, main, codes)

    # What was told

    @property
    def _story(self) -> tuple[str, ...]:
        return self._life.story

    @property
    def _completed(self) -> bool:
        return any(kind in COMPLETIONS for kind in self._story)

    @property
    def _withdrawn(self) -> bool:
        """Completed, and withdrawn last."""
        return self._completed and self._story[-1] in WITHDRAWALS

    @property
    def _came_back(self) -> bool:
        """Withdrawn after a completion, and completed once more."""
        first = next((n for n, kind in enumerate(self._story) if kind in COMPLETIONS), len(self._story))
        return self._story[-1] in COMPLETIONS and any(kind in WITHDRAWALS for kind in self._story[first:])

    def _total(self, kind: str) -> Decimal:
        return PRICE * (2 if kind == "corrected" else 1)

    # What must hold

    def _all_ended(self, states: dict[str, str], codes: dict[str, list[str]]) -> None:
        for key, state in states.items():
            _must(state in ("done", "compensated", "stuck"), f"{key} is {state}")
            _must(state != "stuck" or key in codes, f"{key} is stuck without an open exception")

    def _exceptions_fit(self, codes: dict[str, list[str]]) -> None:
        """No exception but those that this life gives a reason for."""
        for key, found in codes.items():
            for code in found:
                _must(code in self._explained(), f"{key} has an exception without a reason: {code}")

    def _explained(self) -> set[str]:
        paid = sum(payment.amount for payment in self._world.payments)
        reasons = {
            "told_again": sum(kind in COMPLETIONS for kind in self._story) > 1,
            "coverage_refused": self._life.coverage == "lapsed",
            **dict.fromkeys(PAID, paid and any(kind in WITHDRAWALS for kind in self._story)),
            "overpaid": paid > PRICE or any(kind in WITHDRAWALS for kind in self._story),
            "event_never_came": paid,
            "refused_by_odoo": paid > PRICE,
            "invoice_not_posted": any(kind in WITHDRAWALS for kind in self._story),
        }
        explained = {code for code, holds in reasons.items() if holds}
        return explained | IN_PASSING if self._life.attempts < PATIENT else explained

    def _without_effect(self, effect: Effect, main: str | None, codes: dict[str, list[str]]) -> None:
        """Never begun, or undone."""
        asked = "told_again" in codes.get(self._key, ())
        if main is None:
            _must(not self._completed or self._withdrawn, "a completed visit has not begun")
            _must(not effect.charge, "a charge without a process")
        else:
            told = self._withdrawn or asked
            _must(told, "a completed visit was undone, and nobody is told")
        self._nothing_left(effect)

    def _billed(self, effect: Effect, codes: dict[str, list[str]]) -> None:
        asked = "told_again" in codes.get(self._key, ())
        _must(self._completed and not self._withdrawn, "billed although it was withdrawn")
        _must(effect.charge == "captured", f"billed, and its charge is {effect.charge or 'not there'}")
        totals = {self._total(kind) for kind in self._story if kind in COMPLETIONS}
        total = self._charged_total()
        _must(total in totals, f"billed {total}, which nobody told")
        shown = asked or total == self._total(self._story[-1])
        _must(shown, f"billed {total}, which was corrected, and nobody is told")
        entered = self._amount(effect.entered)
        share = (total * SHARE).quantize(_CENT, ROUND_HALF_UP)
        _equal("accounts", effect.accounts, _billed_accounts(total, share, entered))
        quantity = 2 if total == self._total("corrected") else 1
        _equal("stock", effect.stock, _moved(quantity))
        if not effect.floating:  # else the payment's own exception says so
            _equal("residual", effect.residual, total - entered)

    def _amount(self, payments: frozenset[str]) -> Decimal:
        return sum((payment.amount for payment in self._world.payments if payment.id in payments), Decimal(0))

    def _half_done(self, effect: Effect, codes: dict[str, list[str]]) -> None:
        """A person must act; what stands where is known all the same."""
        found = codes[self._key]
        if "coverage_refused" in found:
            _must(
                not effect.charge and not effect.accounts and not effect.stock, "written although coverage is refused"
            )
        if PAID & set(found):
            total = self._charged_total()
            share, quantity = (total * SHARE).quantize(_CENT, ROUND_HALF_UP), int(total / PRICE)
            _must(effect.accounts.get(INCOME, 0) in (0, -total), f"the income is neither whole nor undone: {effect}")
            _must(effect.accounts.get(EXPENSE, 0) in (0, share), f"the accrual is neither whole nor undone: {effect}")
            _must(effect.stock in ({}, _moved(quantity)), f"the stock is neither moved nor back: {effect}")

    def _nothing_left(self, effect: Effect) -> None:
        left = [effect.charge == "captured", bool(effect.accounts), bool(effect.stock)]
        _must(not any(left), f"something is left behind: {effect}")

    def _payments_settled(self, effect: Effect, states: dict[str, str], codes: dict[str, list[str]]) -> None:
        for payment in self._world.payments:
            state = states.get(f"posted_payment:{payment.id}")
            entered = payment.id in effect.entered
            _must(state in ("done", "stuck"), f"payment {payment.id} is {state}")
            if state == "done":
                _must(entered, f"payment {payment.id} is done and not in the ledger")
                settled = payment.id not in effect.floating or PAID & set(codes.get(self._key, ()))
                _must(settled, "a payment is not reconciled, and nobody is told")
            elif "overpaid" in codes[f"posted_payment:{payment.id}"]:
                _must(payment.id not in effect.applied, f"payment {payment.id} is refused and applied")

    def _nothing_is_doubled(self) -> None:
        world = self._world
        moves = Counter((row["ref"], row["move_type"], row.get("invoice_origin")) for row in self._moves())
        pickings = Counter((row["origin"], row["picking_type_id"]) for row in self._pickings())
        ours = {world.appointment, *(payment.id for payment in world.payments)}
        _must(all(count == 1 for count in (moves | pickings).values()), f"doubled: {moves | pickings}")
        _must({ref for ref, _, _ in moves} <= ours, "documents of nobody's")
        _must({origin for origin, _ in pickings} <= {world.appointment}, "transfers of nobody's")
        _must(len(world.charges) <= 1, "charged twice")

    # What stands outside

    def _effect(self) -> Effect:
        entered = [row for row in self._moves() if row["state"] == "posted"]
        invoice = next((row for row in entered if row["move_type"] == "out_invoice"), None)
        payments = {payment.id for payment in self._world.payments}
        receipts = {row["ref"]: self._is_open(row) for row in entered if row["ref"] in payments}
        (charge,) = self._world.book.find(self._world.appointment) or (None,)
        return Effect(
            charge=charge.status if charge else "",
            accounts=self._balances(entered),
            stock=self._quantities(),
            residual=_cents(invoice["amount_residual"]) if invoice else None,
            applied=frozenset(ref for ref, is_open in receipts.items() if not is_open),
            floating=frozenset(ref for ref, is_open in receipts.items() if is_open),
        )

    def _balances(self, entered: list[dict[str, Any]]) -> dict[str, Decimal]:
        odoo = self._world.odoo
        balances: Counter[str] = Counter()
        for move in entered:
            for line in self._lines(move):
                code = _code(odoo.row("account.account", line["account_id"]))
                balances[code] += _cents(line["balance"])  # type: ignore[assignment]
        return _nonzero(balances)  # type: ignore[arg-type]

    def _quantities(self) -> dict[tuple[str, str], Decimal]:
        odoo = self._world.odoo
        moved: Counter[tuple[str, str]] = Counter()
        for picking in self._pickings():
            for number in odoo.store.tables["stock.move"].index["picking_id"].get(picking["id"], ()):
                move = odoo.row("stock.move", number)
                if move["state"] != "done":
                    continue
                product = odoo.row("product.product", move["product_id"])["default_code"]
                for end, sign in (("location_id", -1), ("location_dest_id", 1)):
                    place = odoo.row("stock.location", move[end])["name"]
                    moved[product, place] += sign * Decimal(str(move["quantity"]))  # type: ignore[assignment]
        return _nonzero(moved)  # type: ignore[arg-type]

    def _is_open(self, move: dict[str, Any]) -> bool:
        return any(line["amount_residual"] for line in self._lines(move) if line["account_id"] == self._receivable)

    @property
    def _receivable(self) -> int:
        accounts = self._world.odoo.rows("account.account").values()
        return next(int(row["id"]) for row in accounts if _code(row) == RECEIVABLE)

    def _lines(self, move: dict[str, Any]) -> list[dict[str, Any]]:
        table = self._world.odoo.store.tables["account.move.line"]
        return [table.rows[number] for number in table.index["move_id"].get(move["id"], ())]

    def _moves(self) -> list[dict[str, Any]]:
        return self._new("account.move", self._world.moves_before)

    def _pickings(self) -> list[dict[str, Any]]:
        return self._new("stock.picking", self._world.pickings_before)

    def _new(self, model: str, before: int) -> list[dict[str, Any]]:
        table = self._world.odoo.store.tables[model]
        return [table.rows[number] for number in range(before + 1, table.last_id + 1) if number in table.rows]

    def _charged_total(self) -> Decimal:
        (charge,) = self._world.book.find(self._world.appointment)
        return charge.total

    # What stands with us

    async def _states(self) -> dict[str, str]:
        async with self._world.database.connection() as connection:
            rows = await connection.fetch(
                "SELECT key, state FROM process WHERE correlation_id = $1", self._world.appointment
            )
        return {row["key"]: row["state"] for row in rows}

    async def _codes(self) -> dict[str, list[str]]:
        """Codes of the open exceptions by process; no other life's is open, since each is closed when it is over."""
        async with self._world.database.connection() as connection:
            rows = await connection.fetch(
                "UPDATE exception SET state = 'resolved' WHERE state = 'open' RETURNING process, subject, code"
            )
        codes: dict[str, list[str]] = {}
        for row in rows:
            about = row["process"] or {f"Appointment/{self._world.appointment}": self._key}.get(row["subject"])
            codes.setdefault(about or "a delivery", []).append(row["code"])
        return codes

    def _word(self, effect: Effect, main: str | None, codes: dict[str, list[str]]) -> str:
        if codes:
            return f"exception {' '.join(sorted({code for found in codes.values() for code in found}))}"
        if main is None:
            return "never billed"
        if main == "compensated":
            return "undone" if effect.charge else "undone before the charge"
        if not self._world.payments:
            return "posted"
        return "posted and part paid" if effect.residual else "posted and paid"


def _code(account: dict[str, Any]) -> str:
    """An account's code: from 18 on each company has its own for it, and there is one company here."""
    code = account["code"]
    return str(next(iter(code.values())) if isinstance(code, dict) else code)


def _billed_accounts(total: Decimal, share: Decimal, applied: Decimal) -> dict[str, Decimal]:
    return _nonzero({RECEIVABLE: total - applied, INCOME: -total, CLEARING: applied, EXPENSE: share, LIABILITY: -share})


def _moved(quantity: int) -> dict[tuple[str, str], Decimal]:
    return {
        ("GLOVES", "Harbour Main Clinic"): Decimal(-quantity),
        ("GLOVES", "Patient care"): Decimal(quantity),
    }


def _nonzero(amounts: dict[Any, Decimal]) -> dict[Any, Decimal]:
    return {key: amount for key, amount in amounts.items() if amount}


def _cents(amount: float) -> Decimal:
    return Decimal(str(amount)).quantize(_CENT)


def _equal(what: str, found: object, wanted: object) -> None:
    _must(found == wanted, f"{what}: {found} instead of {wanted}")


def _must(holds: object, otherwise: str) -> None:
    if not holds:
        raise Wrong(otherwise)
