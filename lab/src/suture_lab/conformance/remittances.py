"""Remittances: one deposit, many claims, and every account moved by exactly what the payer says."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from suture.connectors.port import Ledger, LedgerPartner, RemittanceProgress
from suture_lab.conformance.orders import (
    DAY,
    OTHER_PAYER,
    PAYER,
    RECEIVABLE,
    a_claim,
    a_payment,
    a_remittance,
    a_reversal,
    an_invoice,
    billed_to_payer,
    failure_of,
    moved,
    open_for,
    open_of,
    patients,
    usd,
)

CLEARING, CONTRACTUAL, DENIALS, RECOUPED = "101403", "400910", "659910", "659920"


async def billed(ledger: Ledger, *keys: str, payer: LedgerPartner = PAYER) -> None:
    for key in keys:
        await ledger.draft_invoice(msgspec.structs.replace(billed_to_payer(key), partner=payer))
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
        await ledger.apply_payment(a_payment(key, "30.00", number=2, payer=None))
        assert await open_for(ledger, key) == {}

    async def test_a_share_without_its_patient_stays_open_at_the_payer_and_is_told(
        self, ledger: Ledger, key: str
    ) -> None:
        await billed(ledger, key)
        for _ in range(2):
            posted = await ledger.post_remittance(a_remittance(key, a_claim(key)), [PAYER])
            assert (posted.without_patient, posted.unapplied) == ((f"{key}-claim",), ())
        assert await open_for(ledger, key) == {PAYER.reference: Decimal(30)}
        completed = await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        assert (completed.without_patient, completed.unapplied) == ((), ())
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(30)}

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

    async def test_a_number_is_its_payers_own(self, ledger: Ledger, key: str) -> None:
        keys = [f"{key}-a", f"{key}-b"]
        await billed(ledger, keys[0])
        await billed(ledger, keys[1], payer=OTHER_PAYER)
        await ledger.post_remittance(a_remittance(key, a_claim(keys[0])), patients(*keys))
        theirs = a_remittance(key, a_claim(keys[1]), payer=OTHER_PAYER.reference)
        for expected in ({CLEARING: Decimal(120), CONTRACTUAL: Decimal(50), RECEIVABLE: Decimal(-170)}, {}):
            assert await moved(ledger, lambda: ledger.post_remittance(theirs, patients(*keys))) == expected
        assert await open_for(ledger, key) == {f"Patient/{one}": Decimal(30) for one in keys}

    async def test_the_same_deposit_for_other_claims_is_refused(self, ledger: Ledger, key: str) -> None:
        keys = [f"{key}-a", f"{key}-b"]
        await billed(ledger, *keys)
        await ledger.post_remittance(a_remittance(key, a_claim(keys[0])), patients(*keys))
        halves = [a_claim(one, paid="60.00", patient="90.00") for one in keys]
        for claims in ([a_claim(keys[1])], halves, [a_claim(keys[0]), a_claim(keys[1], paid="0.00", patient="150.00")]):
            other = a_remittance(key, *claims)
            assert other.deposit == usd("120.00")
            failure = await failure_of(ledger.post_remittance(other, patients(*keys)))
            assert (failure.code, bool(failure.remedy)) == ("remittance_differs", True)
        assert await open_for(ledger, key) == {PAYER.reference: Decimal(200), f"Patient/{keys[0]}": Decimal(30)}

    @pytest.mark.parametrize("status", ["2", "3", "19", "20", "21"])
    async def test_a_claim_is_booked_whoever_it_goes_to_next(self, ledger: Ledger, key: str, status: str) -> None:
        await billed(ledger, key)
        remittance = a_remittance(key, a_claim(key, status=status))
        moves = await moved(ledger, lambda: ledger.post_remittance(remittance, patients(key)))
        assert moves == {CLEARING: Decimal(120), CONTRACTUAL: Decimal(50), RECEIVABLE: Decimal(-170)}
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(30)}

    @pytest.mark.parametrize(("status", "paid"), [("23", "0.00"), ("25", "0.00"), ("5", "7.00"), ("1", "-7.00")])
    async def test_a_claim_that_is_not_about_money_is_told_and_the_rest_is_booked(
        self, ledger: Ledger, key: str, status: str, paid: str
    ) -> None:
        keys = [f"{key}-a", f"{key}-b"]
        await billed(ledger, *keys)
        odd = a_claim(keys[1], status=status, paid=paid)
        remittance = a_remittance(key, a_claim(keys[0]), odd)
        moves = await moved(ledger, lambda: ledger.post_remittance(remittance, patients(*keys)))
        money = Decimal(paid)
        assert moves == {CLEARING: 120 + money, CONTRACTUAL: Decimal(50), RECEIVABLE: -170 - money}
        posted = await ledger.post_remittance(remittance, patients(*keys))
        assert posted.unusual == (f"{keys[1]}-claim",)
        assert posted.unapplied == ((f"{keys[1]}-claim",) if money else ())
        expected = {PAYER.reference: 200 - money, f"Patient/{keys[0]}": Decimal(30)}
        assert await open_for(ledger, key) == expected

    async def test_a_second_payer_pays_what_stands_at_the_patient(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        second = a_claim(key, status="2", paid="20.00", patient="10.00", **{"CO-45": "0", "OA-23": "170.00"})
        theirs = a_remittance(key, second, number="second", payer=OTHER_PAYER.reference)
        moves = await moved(ledger, lambda: ledger.post_remittance(theirs, patients(key)))
        assert moves == {CLEARING: Decimal(20), RECEIVABLE: Decimal(-20)}
        assert (await ledger.post_remittance(theirs, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(10)}
        back = a_reversal(key, paid="-20.00", **{"CO-45": "0", "OA-23": "-170.00", "PR-1": "-10.00"})
        undone = a_remittance(key, back, number="back", payer=OTHER_PAYER.reference)
        assert (await ledger.post_remittance(undone, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(30)}

    async def test_a_second_payers_adjustments_are_not_booked_again(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        second = a_claim(key, status="2", paid="30.00", patient="0.00", **{"CO-45": "50.00", "OA-23": "120.00"})
        theirs = a_remittance(key, second, number="second", payer=OTHER_PAYER.reference)
        moves = await moved(ledger, lambda: ledger.post_remittance(theirs, patients(key)))
        assert moves == {CLEARING: Decimal(30), RECEIVABLE: Decimal(-30)}
        assert (await ledger.post_remittance(theirs, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {}

    @pytest.mark.parametrize(("adjusted", "anew"), [("20.00", 0), ("15.00", 0), ("30.00", 10)])
    async def test_a_second_payer_repeats_what_the_first_one_adjusted(
        self, ledger: Ledger, key: str, adjusted: str, anew: int
    ) -> None:
        """Only what is adjusted beyond it is new; what stands at the patient would have room for all of it."""
        await billed(ledger, key)
        first = a_remittance(key, a_claim(key, paid="100.00", patient="80.00", **{"CO-45": "20.00"}))
        await ledger.post_remittance(first, patients(key))
        left = Decimal("170.00") - Decimal(adjusted)
        second = a_claim(key, status="2", paid="30.00", patient="0.00", **{"CO-45": adjusted, "OA-23": str(left)})
        theirs = a_remittance(key, second, number="second", payer=OTHER_PAYER.reference)
        moves = await moved(ledger, lambda: ledger.post_remittance(theirs, patients(key)))
        booked = {CLEARING: Decimal(30), CONTRACTUAL: Decimal(anew), RECEIVABLE: Decimal(-30 - anew)}
        assert moves == {account: amount for account, amount in booked.items() if amount}
        assert (await ledger.post_remittance(theirs, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(50 - anew)}

    async def test_a_second_payer_that_comes_first_has_a_credit_until_there_is_a_share(
        self, ledger: Ledger, key: str
    ) -> None:
        await billed(ledger, key)
        second = a_claim(key, status="2", paid="30.00", patient="0.00", **{"CO-45": "0", "OA-23": "170.00"})
        theirs = a_remittance(key, second, number="second", payer=OTHER_PAYER.reference)
        assert (await ledger.post_remittance(theirs, patients(key))).unapplied == (f"{key}-claim",)
        assert await open_for(ledger, key) == {PAYER.reference: Decimal(200), OTHER_PAYER.reference: Decimal(-30)}
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        assert (await ledger.post_remittance(theirs, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {}

    async def test_a_claim_without_an_invoice_is_the_payers_credit_and_told(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, f"{key}-a")
        claims = [a_claim(f"{key}-a"), a_claim(f"{key}-lost", patient="0.00", **{"CO-45": "80.00"})]
        remittance = a_remittance(key, *claims)
        moves = await moved(ledger, lambda: ledger.post_remittance(remittance, patients(f"{key}-a")))
        assert moves == {CLEARING: Decimal(240), CONTRACTUAL: Decimal(50), RECEIVABLE: Decimal(-290)}
        posted = await ledger.post_remittance(remittance, patients(f"{key}-a"))
        assert posted.unapplied == (f"{key}-lost-claim",)
        assert await open_of(ledger, f"Patient/{key}-a") == Decimal("30.00")

    async def test_what_is_told_twice_adjusts_nothing_twice(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        again = a_remittance(key, a_claim(key), number="again")
        moves = await moved(ledger, lambda: ledger.post_remittance(again, patients(key)))
        assert moves == {CLEARING: Decimal(120), RECEIVABLE: Decimal(-120)}
        assert (await ledger.post_remittance(again, patients(key))).unapplied == (f"{key}-claim",)
        assert await open_for(ledger, key) == {PAYER.reference: Decimal(-120), f"Patient/{key}": Decimal(30)}

    async def test_a_claim_whose_invoice_comes_later_is_completed_by_the_same_remittance(
        self, ledger: Ledger, key: str
    ) -> None:
        early = a_remittance(key, a_claim(key), a_claim(f"{key}-b", paid="0.00", patient="150.00"))
        posted = await ledger.post_remittance(early, patients(key, f"{key}-b"))
        assert posted.unapplied == (f"{key}-claim", f"{key}-b-claim")
        await billed(ledger, key, f"{key}-b")
        for expected in ({CONTRACTUAL: Decimal(100), RECEIVABLE: Decimal(-100)}, {}):
            assert await moved(ledger, lambda: ledger.post_remittance(early, patients(key, f"{key}-b"))) == expected
        assert (await ledger.post_remittance(early, patients(key, f"{key}-b"))).unapplied == ()
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(30), f"Patient/{key}-b": Decimal(150)}

    async def test_a_partly_paid_invoice_takes_the_rest(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await ledger.apply_payment(a_payment(key, "80.00", payer=None))
        claim = a_claim(key, charged="120.00", paid="70.00", patient="0.00")
        assert (await ledger.post_remittance(a_remittance(key, claim), [PAYER])).unapplied == ()

    async def test_a_share_that_was_paid_at_the_desk_is_not_asked_for_again(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await ledger.apply_payment(a_payment(key, "30.00", payer=None), partner=an_invoice(key).partner)
        for _ in range(2):
            posted = await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
            assert (posted.unapplied, await open_for(ledger, key)) == ((), {})

    @pytest.mark.parametrize("more", [10, 50, 69, 170])
    async def test_what_a_patient_paid_beyond_the_share_is_the_patients_credit(
        self, ledger: Ledger, key: str, more: int
    ) -> None:
        """Be it all of the invoice. The adjustment is booked all the same, and a reversal takes back the credit."""
        await billed(ledger, key)
        paid = Decimal(30 + more)
        await ledger.apply_payment(a_payment(key, str(paid), payer=None), partner=an_invoice(key).partner)
        remittance = a_remittance(key, a_claim(key))
        for expected in ({CLEARING: Decimal(120), CONTRACTUAL: Decimal(50), RECEIVABLE: Decimal(-170)}, {}):
            assert await moved(ledger, lambda: ledger.post_remittance(remittance, patients(key))) == expected
            assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(-more)}
        assert (await ledger.post_remittance(remittance, patients(key))).unapplied == (f"{key}-claim",)
        again = a_remittance(key, a_claim(key), number="again")
        assert (await ledger.post_remittance(again, patients(key))).unapplied == (f"{key}-claim",)
        assert await open_for(ledger, key) == {PAYER.reference: Decimal(-120), f"Patient/{key}": Decimal(-more)}
        for number in ("back", "back too"):
            back = a_remittance(key, a_reversal(key), number=number)
            assert (await ledger.post_remittance(back, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == ({PAYER.reference: 200 - paid} if paid < 200 else {})
        third = a_remittance(key, a_reversal(key), number="third")
        moves = await moved(ledger, lambda: ledger.post_remittance(third, patients(key)))
        assert moves == {CLEARING: Decimal(-120), RECEIVABLE: Decimal(120)}

    async def test_halves_of_a_claim_give_back_what_its_patient_paid_beyond_the_share(
        self, ledger: Ledger, key: str
    ) -> None:
        await billed(ledger, key)
        await ledger.apply_payment(a_payment(key, "80.00", payer=None), partner=an_invoice(key).partner)
        half = {"charged": "100.00", "paid": "60.00", "patient": "15.00", "CO-45": "25.00"}
        told = a_remittance(key, a_claim(key, **half), a_claim(key, **half))
        moves = await moved(ledger, lambda: ledger.post_remittance(told, patients(key)))
        assert moves == {CLEARING: Decimal(120), CONTRACTUAL: Decimal(50), RECEIVABLE: Decimal(-170)}
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(-50)}

    async def test_what_another_payer_paid_is_never_given_to_the_patient(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await ledger.apply_payment(a_payment(key, "80.00", payer=OTHER_PAYER.reference), partner=OTHER_PAYER)
        posted = await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        assert (posted.unapplied, await open_for(ledger, key)) == ((f"{key}-claim",), {})

    async def test_a_share_that_another_paid_is_a_persons_to_look_at(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await ledger.apply_payment(a_payment(key, "30.00", payer=OTHER_PAYER.reference), partner=OTHER_PAYER)
        posted = await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        assert (posted.unapplied, await open_for(ledger, key)) == ((f"{key}-claim",), {})

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
        ("odd", "told"),
        [
            ({"paid": "121.00"}, ("unbalanced", lambda claim: (claim,))),
            ({"paid": "70.00", "CO-45": "0", "XX-99": "100.00"}, ("unmapped", lambda claim: ((claim, "XX-99"),))),
        ],
        ids=["unbalanced", "unmapped"],
    )
    async def test_of_a_claim_that_can_not_be_explained_only_the_money_is_booked_and_the_rest_of_the_file_whole(
        self, ledger: Ledger, key: str, odd: dict[str, str], told: tuple[str, Callable[[str], object]]
    ) -> None:
        keys = [f"{key}-a", f"{key}-b"]
        await billed(ledger, *keys)
        claims = a_claim(keys[0]), a_claim(keys[1], **odd)
        remittance = a_remittance(key, *claims)
        moves = await moved(ledger, lambda: ledger.post_remittance(remittance, patients(*keys)))
        money = claims[1].paid.amount
        assert moves == {CLEARING: 120 + money, CONTRACTUAL: Decimal(50), RECEIVABLE: -170 - money}
        posted = await ledger.post_remittance(remittance, patients(*keys))
        assert getattr(posted, told[0]) == told[1](f"{keys[1]}-claim")
        assert (posted.is_whole, posted.unapplied) == (False, ())
        assert await open_for(ledger, key) == {PAYER.reference: 200 - money, f"Patient/{keys[0]}": Decimal(30)}

    @pytest.mark.parametrize("deposit", ["119.99", "0.00"])
    async def test_a_deposit_that_is_not_its_claims_is_refused_before_anything_is_written(
        self, ledger: Ledger, key: str, deposit: str
    ) -> None:
        await billed(ledger, key)
        remittance = msgspec.structs.replace(a_remittance(key, a_claim(key)), deposit=usd(deposit))
        failure = await failure_of(ledger.post_remittance(remittance, patients(key)))
        assert (failure.code, bool(failure.remedy)) == ("remittance_unbalanced", True)
        assert await open_of(ledger, f"Patient/{key}") == 0

    async def test_one_that_its_date_forbids_leaves_nothing_and_is_booked_once_that_is_right(
        self, ledger: Ledger, key: str
    ) -> None:
        await billed(ledger, key)
        told = a_remittance(key, a_claim(key))
        wrong = msgspec.structs.replace(told, received_on=DAY + timedelta(days=30))
        failure = await failure_of(ledger.post_remittance(wrong, patients(key)))
        assert (failure.code, bool(failure.remedy)) == ("future_dated", True)
        posted = await ledger.post_remittance(told, patients(key))
        assert (posted.unapplied, posted.invoices[0].residual) == ((), usd("0.00"))
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(30)}
