"""Remittances: one deposit, many claims, and every account moved by exactly what the payer says."""

from decimal import Decimal

import pytest

from suture.connectors.port import Ledger, RemittanceProgress
from suture.connectors.testing.orders import (
    PAYER,
    RECEIVABLE,
    a_claim,
    a_payment,
    a_remittance,
    billed_to_payer,
    failure_of,
    moved,
    open_of,
    patients,
    usd,
)

CLEARING, CONTRACTUAL, DENIALS, RECOUPED = "101403", "400910", "659910", "659920"


async def billed(ledger: Ledger, *keys: str) -> None:
    for key in keys:
        await ledger.draft_invoice(billed_to_payer(key))
        await ledger.post_invoice(key, usd("200.00"))


def amounts(**of: str) -> dict[str, Decimal]:
    return {account: Decimal(amount) for account, amount in of.items()}


class RemittanceConformance:
    """The entries balance, the deposit is what came in, and each claim clears its own invoice."""

    async def test_a_claim_is_paid_adjusted_and_left_to_the_patient(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        remittance = a_remittance(key, a_claim(key))
        moves = await moved(ledger, lambda: ledger.post_remittance(remittance, patients(key)))
        assert moves == {CLEARING: Decimal(120), CONTRACTUAL: Decimal(50), RECEIVABLE: Decimal(-170)}
        assert await open_of(ledger, f"Patient/{key}") == Decimal("30.00")

    async def test_again_changes_nothing(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        remittance = a_remittance(key, a_claim(key))
        first = await ledger.post_remittance(remittance, patients(key))
        assert (first.claims, first.unapplied) == (1, ())
        moves = await moved(ledger, lambda: ledger.post_remittance(remittance, patients(key)))
        assert moves == {}
        assert await ledger.post_remittance(remittance, patients(key)) == first

    async def test_a_number_that_is_used_again_for_something_else_is_refused(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        other = a_remittance(key, a_claim(key, paid="110.00", **{"CO-45": "60.00"}))
        failure = await failure_of(ledger.post_remittance(other, patients(key)))
        assert (failure.code, bool(failure.remedy)) == ("remittance_differs", True)

    async def test_the_patients_share_is_paid_by_the_patient(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        failure = await failure_of(ledger.apply_payment(a_payment(key, "0.01")))
        assert failure.code == "overpaid"

    async def test_a_share_without_its_patient_stays_open_at_the_payer(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        before = await open_of(ledger, PAYER.reference)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), [PAYER])
        assert await open_of(ledger, PAYER.reference) - before == Decimal("-170.00")
        assert (await ledger.apply_payment(a_payment(key, "30.00", payer=None))).residual == usd("0.00")

    async def test_a_denial_goes_to_its_own_account(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        denied = a_claim(key, status="4", paid="0.00", patient="0.00", **{"CO-45": "0", "CO-29": "200.00"})
        moves = await moved(ledger, lambda: ledger.post_remittance(a_remittance(key, denied), [PAYER]))
        assert moves == {DENIALS: Decimal(200), RECEIVABLE: Decimal(-200)}

    async def test_what_the_catalogue_leaves_open_stays_open(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        claim = a_claim(key, patient="0.00", **{"OA-23": "30.00"})
        moves = await moved(ledger, lambda: ledger.post_remittance(a_remittance(key, claim), [PAYER]))
        assert moves == {CLEARING: Decimal(120), CONTRACTUAL: Decimal(50), RECEIVABLE: Decimal(-170)}
        assert (await ledger.apply_payment(a_payment(key, "30.00"))).residual == usd("0.00")

    async def test_what_the_payer_keeps_has_its_own_account(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        remittance = a_remittance(key, a_claim(key), kept="25.00")
        assert remittance.deposit == usd("95.00")
        moves = await moved(ledger, lambda: ledger.post_remittance(remittance, patients(key)))
        assert moves == {
            CLEARING: Decimal(95),
            RECOUPED: Decimal(25),
            CONTRACTUAL: Decimal(50),
            RECEIVABLE: Decimal(-170),
        }

    async def test_a_reversal_undoes_exactly_its_own_claim(self, ledger: Ledger, key: str) -> None:
        keys = [f"{key}-a", f"{key}-b"]
        await billed(ledger, *keys)
        await ledger.post_remittance(a_remittance(key, *map(a_claim, keys)), patients(*keys))
        turned = {"charged": "-200.00", "paid": "-120.00", "patient": "-30.00", "CO-45": "-50.00", "status": "22"}
        back = a_remittance(key, a_claim(keys[0], **turned), number="back")
        moves = await moved(ledger, lambda: ledger.post_remittance(back, patients(*keys)))
        assert moves == {CLEARING: Decimal(-120), CONTRACTUAL: Decimal(-50), RECEIVABLE: Decimal(170)}
        assert await open_of(ledger, f"Patient/{keys[0]}") == 0
        assert await open_of(ledger, f"Patient/{keys[1]}") == Decimal("30.00")
        again = a_remittance(key, a_claim(keys[0], paid="150.00", patient="0.00"), number="again")
        assert (await ledger.post_remittance(again, patients(*keys))).unapplied == ()

    async def test_a_reversal_and_its_correction_come_together(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        turned = {"charged": "-200.00", "paid": "-120.00", "patient": "-30.00", "CO-45": "-50.00", "status": "22"}
        both = a_remittance(
            key, a_claim(key, **turned), a_claim(key, paid="150.00", patient="0.00"), number="corrected"
        )
        moves = await moved(ledger, lambda: ledger.post_remittance(both, patients(key)))
        assert moves == {CLEARING: Decimal(30), RECEIVABLE: Decimal(-30)}
        assert (await ledger.post_remittance(both, patients(key))).unapplied == ()

    async def test_a_claim_without_an_invoice_is_the_payers_credit_and_told(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, f"{key}-a")
        claims = [a_claim(f"{key}-a"), a_claim(f"{key}-lost", patient="0.00", **{"CO-45": "80.00"})]
        posted = await ledger.post_remittance(a_remittance(key, *claims), patients(f"{key}-a"))
        assert posted.unapplied == (f"{key}-lost-claim",)
        assert await open_of(ledger, f"Patient/{key}-a") == Decimal("30.00")

    async def test_a_partly_paid_invoice_takes_the_rest(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await ledger.apply_payment(a_payment(key, "80.00", payer=None))
        claim = a_claim(key, charged="120.00", paid="70.00", patient="0.00")
        assert (await ledger.post_remittance(a_remittance(key, claim), [PAYER])).unapplied == ()

    async def test_many_claims_come_in_parts_with_progress(self, ledger: Ledger, key: str) -> None:
        keys = [f"{key}-{n}" for n in range(7)]
        await billed(ledger, *keys)
        told: list[RemittanceProgress] = []
        remittance = a_remittance(key, *map(a_claim, keys), kept="1.00")
        moves = await moved(ledger, lambda: ledger.post_remittance(remittance, patients(*keys), told.append))
        assert moves == {
            CLEARING: Decimal(839),
            RECOUPED: Decimal(1),
            CONTRACTUAL: Decimal(350),
            RECEIVABLE: Decimal(-1190),
        }
        assert told[-1] == RemittanceProgress(claims=7, of=7)
        assert [progress.claims for progress in told] == sorted(progress.claims for progress in told)

    @pytest.mark.parametrize(
        ("claim", "code"),
        [
            ({"paid": "121.00"}, "remittance_unbalanced"),
            ({"paid": "70.00", "CO-99": "50.00"}, "adjustment_unmapped"),
        ],
        ids=["unbalanced", "unmapped"],
    )
    async def test_what_does_not_add_up_is_refused_before_anything_is_written(
        self, ledger: Ledger, key: str, claim: dict[str, str], code: str
    ) -> None:
        await billed(ledger, key)
        remittance = a_remittance(key, a_claim(key, **claim))
        failure = await failure_of(ledger.post_remittance(remittance, patients(key)))
        assert (failure.code, bool(failure.remedy)) == (code, True)
        assert await open_of(ledger, f"Patient/{key}") == 0
