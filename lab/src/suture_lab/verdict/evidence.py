"""What was seen, sorted by what it is about: the ground that a verdict stands on. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from suture_lab.simulators.observed import Observed, Standing

#: By kind, the state that makes a document count, and the kind of the document that takes it back.
IN_FORCE = {
    "charge": "captured",
    "invoice": "posted",
    "credit": "posted",
    "stock": "done",
    "stock_return": "done",
    "accrual": "posted",
    "accrual_reversal": "posted",
    "payment": "posted",
}
TAKEN_BACK_BY = {"invoice": "credit", "stock": "stock_return", "accrual": "accrual_reversal"}
NOT_THERE = frozenset({"cancel", "voided"})


class Evidence:
    """All that was seen, by key. Payments have keys of their own, and their entry in Odoo a name of its own here."""

    def __init__(self, observed: Iterable[Observed], standing: Iterable[Standing]) -> None:
        self.effects: dict[str, list[Observed]] = defaultdict(list)
        self.payments: dict[str, list[Observed]] = defaultdict(list)
        self.documents: dict[str, list[Standing]] = defaultdict(list)
        self.entries: dict[str, list[Standing]] = defaultdict(list)
        self.paid: dict[str, list[Observed]] = defaultdict(list)
        for effect in sorted(map(_renamed, observed), key=lambda effect: effect.at):
            of_payment = effect.what.startswith("payment.")
            (self.payments if of_payment else self.effects)[effect.key].append(effect)
            if effect.what == "payment.posted":
                self.paid[effect.of].append(effect)
        for document in (*self._charges(), *standing):
            (self.entries if document.kind == "payment" else self.documents)[document.key].append(document)

    def in_force(self, key: str, kind: str) -> list[Standing]:
        """An appointment's documents of a kind that stand: neither draft nor cancelled nor taken back."""
        back = TAKEN_BACK_BY.get(kind)
        return self.counting(key, kind)[len(self.counting(key, back)) if back else 0 :]

    def counting(self, key: str, kind: str) -> list[Standing]:
        """Its documents of a kind that took effect, taken back or not."""
        return [d for d in self.documents.get(key, ()) if d.kind == kind and d.state == IN_FORCE[kind]]

    def entered(self, payment: str) -> list[Standing]:
        """The posted entries of a payment."""
        return [entry for entry in self.entries.get(payment, ()) if entry.state == IN_FORCE["payment"]]

    def _charges(self) -> Iterator[Standing]:
        """Billing's charges as they stand in the end: each is voided at most once."""
        for key, effects in self.effects.items():
            voided = {effect.number for effect in effects if effect.what == "charge.voided"}
            for effect in effects:
                if effect.what == "charge.captured":
                    state = "voided" if effect.number in voided else "captured"
                    yield Standing(
                        system="billing",
                        kind="charge",
                        key=key,
                        number=effect.number,
                        state=state,
                        amount=effect.amount,
                        day=effect.day,
                        party=effect.party,
                    )


def _renamed(effect: Observed) -> Observed:
    """Billing posts a payment and Odoo posts its entry: two effects, here with two names."""
    if (effect.system, effect.what) == ("odoo", "payment.posted"):
        return msgspec.structs.replace(effect, what="payment.entered")
    return effect
