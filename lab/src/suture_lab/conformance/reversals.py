"""Reversals (CLP02 22): what was booked of a claim is taken back exactly, however the payer writes it."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from time import monotonic

import msgspec
import pytest

from suture.connectors.port import Ledger
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
    failure_of,
    moved,
    open_for,
    patients,
)
from suture_lab.conformance.remittances import CLEARING, CONTRACTUAL, billed

CORRECTED = {"paid": "150.00", "patient": "0.00"}
HALF = {"charged": "100.00", "paid": "60.00", "patient": "15.00", "CO-45": "25.00"}
OTHER_HALF = {"charged": "100.00", "paid": "60.00", "patient": "10.00", "CO-45": "30.00"}


def turned(half: dict[str, str]) -> dict[str, str]:
    return {code: f"-{amount}" for code, amount in half.items()} | {"PR-1": f"-{half['patient']}", "patient": "0.00"}


class ReversalConformance:
    """Nothing of a reversed claim stays, and nothing else moves."""

    @pytest.mark.parametrize(
        "told",
        [
            {},
            {"patient": "-30.00"},
            {"PR-1": "0"},
            {"PR-1": "0", "patient": "-30.00"},
            {"PR-1": "0", "CO-45": "0"},
            {"CO-45": "0", "CO-99": "-50.00"},
        ],
        ids=["standard", "both", "no_share", "clp05", "bare", "unknown_reason"],
    )
    async def test_a_reversal_in_any_form_leaves_the_whole_invoice_open(
        self, ledger: Ledger, key: str, told: dict[str, str]
    ) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        back = a_remittance(key, a_reversal(key, **told), number="back")
        moves = await moved(ledger, lambda: ledger.post_remittance(back, patients(key)))
        assert moves == {CLEARING: Decimal(-120), CONTRACTUAL: Decimal(-50), RECEIVABLE: Decimal(170)}
        assert await open_for(ledger, key) == {PAYER.reference: Decimal("200.00")}
        assert await moved(ledger, lambda: ledger.post_remittance(back, patients(key))) == {}
        assert (await ledger.post_remittance(back, patients(key))).unapplied == ()

    @pytest.mark.parametrize(
        "told",
        [
            {"patient": "0.00", "OA-23": "30.00"},
            {"patient": "200.00", "paid": "0.00", "CO-45": "0"},
            {"status": "4", "patient": "0.00", "paid": "0.00", "CO-45": "0", "CO-29": "200.00"},
            {"status": "19"},
        ],
        ids=["left_open", "all_the_patients", "denied", "forwarded"],
    )
    async def test_whatever_the_original_was_it_is_taken_back(
        self, ledger: Ledger, key: str, told: dict[str, str]
    ) -> None:
        await billed(ledger, key)

        async def there_and_back() -> None:
            first = a_claim(key, **told)
            assert (await ledger.post_remittance(a_remittance(key, first), patients(key))).unapplied == ()
            back = a_reversal(key, paid=str(-first.paid.amount), **{"CO-45": "0", "PR-1": "0"})
            posted = await ledger.post_remittance(a_remittance(key, back, number="back"), patients(key))
            assert posted.unapplied == ()

        assert await moved(ledger, there_and_back) == {}
        assert await open_for(ledger, key) == {PAYER.reference: Decimal("200.00")}

    async def test_a_share_whose_patient_was_not_known_is_taken_back_too(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), [PAYER])
        posted = await ledger.post_remittance(a_remittance(key, a_reversal(key), number="back"), patients(key))
        assert (posted.unapplied, await open_for(ledger, key)) == ((), {PAYER.reference: Decimal("200.00")})

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["reversal_first", "correction_first"])
    async def test_a_correction_beside_its_reversal_settles_the_invoice(
        self, ledger: Ledger, key: str, order: tuple[int, int]
    ) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        claims = (a_reversal(key), a_claim(key, **CORRECTED))
        both = a_remittance(key, *(claims[n] for n in order), number="corrected")
        moves = await moved(ledger, lambda: ledger.post_remittance(both, patients(key)))
        assert moves == {CLEARING: Decimal(30), RECEIVABLE: Decimal(-30)}
        assert (await ledger.post_remittance(both, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {}

    async def test_a_correction_finds_its_reversal_in_another_part(self, ledger: Ledger, key: str) -> None:
        keys = [f"{key}-{n}" for n in range(4)]
        await billed(ledger, *keys)
        await ledger.post_remittance(a_remittance(key, *map(a_claim, keys)), patients(*keys))
        corrected = [a_claim(one, **CORRECTED) for one in keys]
        both = a_remittance(key, *corrected, *map(a_reversal, keys), number="corrected")
        for _ in range(2):
            posted = await ledger.post_remittance(both, patients(*keys))
            assert (posted.claims, posted.unapplied) == (8, ())
        assert await open_for(ledger, key) == {}

    async def test_a_correction_that_came_before_its_reversal_is_completed_after_it(
        self, ledger: Ledger, key: str
    ) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        correction = a_remittance(key, a_claim(key, paid="140.00", patient="10.00"), number="corrected")
        posted = await ledger.post_remittance(correction, patients(key))
        assert posted.unapplied == (f"{key}-claim",)
        await ledger.post_remittance(a_remittance(key, a_reversal(key), number="back"), patients(key))
        for _ in range(2):
            assert (await ledger.post_remittance(correction, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal("10.00")}
        turned_back = a_remittance(key, a_reversal(key, paid="-140.00"), number="again")
        assert (await ledger.post_remittance(turned_back, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {PAYER.reference: Decimal("200.00")}

    @pytest.mark.parametrize("files", [1, 2], ids=["one_file", "two_files"])
    @pytest.mark.parametrize(
        "halves", [(0, 1), (1, 0), (0,), (1,), None], ids=["both", "swapped", "one", "other", "sum"]
    )
    async def test_a_split_claim_is_taken_back_half_by_half_or_whole(
        self, ledger: Ledger, key: str, files: int, halves: tuple[int, ...] | None
    ) -> None:
        await billed(ledger, key)
        parts = (HALF, OTHER_HALF)
        booked = [a_claim(key, **part) for part in parts]
        told = [booked] if files == 1 else [[one] for one in booked]
        for number, claims in enumerate(told):
            await ledger.post_remittance(a_remittance(key, *claims, number=f"era{number}"), patients(key))
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal("25.00")}
        backs = [a_reversal(key)] if halves is None else [a_reversal(key, **turned(parts[n])) for n in halves]
        posted = await ledger.post_remittance(a_remittance(key, *backs, number="back"), patients(key))
        assert posted.unapplied == ()
        shares = {0: Decimal(15), 1: Decimal(10)}
        left = [] if halves is None or len(halves) == 2 else [n for n in (0, 1) if n not in halves]
        expected = {PAYER.reference: Decimal(200) - 100 * len(left), f"Patient/{key}": sum(shares[n] for n in left)}
        assert await open_for(ledger, key) == {who: amount for who, amount in expected.items() if amount}

    @pytest.mark.parametrize("corrected", [False, True], ids=["alone", "with_its_correction"])
    @pytest.mark.parametrize("parts", [[{}], [HALF, OTHER_HALF]], ids=["whole", "halves"])
    async def test_a_reversal_that_comes_before_its_original_takes_it_back(
        self, ledger: Ledger, key: str, parts: list[dict[str, str]], corrected: bool
    ) -> None:
        await billed(ledger, key)
        said = {"CO-45": "-55.00", "PR-1": "-25.00"} if len(parts) > 1 else {}
        corrections = [a_claim(key, **CORRECTED)] if corrected else []
        back = a_remittance(key, a_reversal(key, **said), *corrections, number="back")
        assert (await ledger.post_remittance(back, patients(key))).unapplied == (f"{key}-claim",)
        original = a_remittance(key, *(a_claim(key, **part) for part in parts))
        for expected in ({CLEARING: Decimal(120), RECEIVABLE: Decimal(-120)}, {}):
            assert await moved(ledger, lambda: ledger.post_remittance(original, patients(key))) == expected
            assert await open_for(ledger, key) == ({} if corrected else {PAYER.reference: Decimal(200)})
        for told in (original, back):
            posted = await ledger.post_remittance(told, [PAYER])
            assert (posted.unapplied, posted.without_patient) == ((), ())
        again = a_remittance(key, a_reversal(key), number="again")
        assert (await ledger.post_remittance(again, patients(key))).unapplied == (f"{key}-claim",)

    async def test_a_claim_of_a_later_day_is_not_what_a_reversal_took_back(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        early = a_remittance(key, a_reversal(key), number="back")
        await ledger.post_remittance(early, patients(key))
        later = msgspec.structs.replace(a_remittance(key, a_claim(key)), received_on=DAY + timedelta(days=1))
        assert (await ledger.post_remittance(later, patients(key))).unapplied == ()
        assert (await ledger.post_remittance(early, patients(key))).unapplied == (f"{key}-claim",)
        assert await open_for(ledger, key) == {PAYER.reference: Decimal(120), f"Patient/{key}": Decimal(30)}

    async def test_a_reversal_of_what_was_not_booked_is_told_and_only_its_money_moves(
        self, ledger: Ledger, key: str
    ) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        wrong = a_remittance(key, a_reversal(key, paid="-119.00"), number="back")
        moves = await moved(ledger, lambda: ledger.post_remittance(wrong, patients(key)))
        assert moves == {CLEARING: Decimal(-119), RECEIVABLE: Decimal(119)}
        assert (await ledger.post_remittance(wrong, patients(key))).unapplied == (f"{key}-claim",)

    async def test_what_a_remittance_paid_is_asked_about_before_the_invoice_is_undone(
        self, ledger: Ledger, key: str
    ) -> None:
        await billed(ledger, key)
        await ledger.check_cancellable(key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        failure = await failure_of(ledger.check_cancellable(key))
        assert (failure.code, bool(failure.remedy)) == ("invoice_paid", True)
        await ledger.post_remittance(a_remittance(key, a_reversal(key), number="back"), patients(key))
        await ledger.check_cancellable(key)
        await ledger.cancel_invoice(key, DAY)
        await ledger.check_cancellable(key)
        assert await open_for(ledger, key) == {}

    @pytest.mark.parametrize("payer", [PAYER.reference, None], ids=["payer", "patient"])
    async def test_what_billing_posted_is_asked_about_as_well(
        self, ledger: Ledger, key: str, payer: str | None
    ) -> None:
        await billed(ledger, key)
        await ledger.apply_payment(a_payment(key, "20.00", payer=payer))
        assert (await failure_of(ledger.check_cancellable(key))).code == "invoice_paid"
        await ledger.reverse_payment(f"{key}-p1", DAY)
        await ledger.check_cancellable(key)
        await ledger.check_cancellable(f"{key}-never")

    @pytest.mark.parametrize("amount", ["20.00", "200.00"])
    async def test_what_was_paid_meanwhile_stays_with_who_paid(self, ledger: Ledger, key: str, amount: str) -> None:
        """Between the question and the credit note."""
        await billed(ledger, key)
        await ledger.apply_payment(a_payment(key, amount, payer=None), partner=an_invoice(key).partner)
        number = await ledger.cancel_invoice(key, DAY)
        assert await ledger.cancel_invoice(key, DAY) == number
        assert await open_for(ledger, key) == {f"Patient/{key}": -Decimal(amount)}

    async def test_a_claim_is_taken_back_once(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        await ledger.post_remittance(a_remittance(key, a_reversal(key), number="back"), patients(key))
        again = a_remittance(key, a_reversal(key), number="again")
        moves = await moved(ledger, lambda: ledger.post_remittance(again, patients(key)))
        assert moves == {CLEARING: Decimal(-120), RECEIVABLE: Decimal(120)}
        assert (await ledger.post_remittance(again, patients(key))).unapplied == (f"{key}-claim",)

    async def test_what_a_patient_had_paid_of_a_share_is_the_patients_credit_and_told(
        self, ledger: Ledger, key: str
    ) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        await ledger.apply_payment(a_payment(key, "30.00", payer=None))
        posted = await ledger.post_remittance(a_remittance(key, a_reversal(key), number="back"), patients(key))
        assert posted.unapplied == (f"{key}-claim",)
        assert await open_for(ledger, key) == {PAYER.reference: Decimal(200), f"Patient/{key}": Decimal(-30)}

    async def test_what_a_patient_had_paid_of_a_share_pays_the_corrected_one(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        await ledger.apply_payment(a_payment(key, "30.00", payer=None))
        corrected = a_remittance(key, a_reversal(key), a_claim(key, paid="110.00", patient="40.00"), number="back")
        assert (await ledger.post_remittance(corrected, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(10)}

    @pytest.mark.parametrize("payer", [OTHER_PAYER.reference, None], ids=["payer", "patient"])
    async def test_what_a_correction_leaves_over_of_what_another_paid_is_told(
        self, ledger: Ledger, key: str, payer: str | None
    ) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        partner = OTHER_PAYER if payer else an_invoice(key).partner
        await ledger.apply_payment(a_payment(key, "30.00", payer=payer), partner=partner)
        corrected = a_remittance(key, a_reversal(key), a_claim(key, paid="140.00", patient="10.00"), number="back")
        for _ in range(2):
            assert (await ledger.post_remittance(corrected, patients(key))).unapplied == (f"{key}-claim",)
            assert await open_for(ledger, key) == {partner.reference: Decimal(-20)}

    async def test_a_refused_reversal_changes_nothing_and_is_booked_once_its_date_is_right(
        self, ledger: Ledger, key: str
    ) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        await ledger.apply_payment(a_payment(key, "30.00", payer=None))
        stood = [one async for one in ledger.open_items()]
        back = a_remittance(key, a_reversal(key), a_claim(key, paid="110.00", patient="40.00"), number="back")
        early = msgspec.structs.replace(back, received_on=DAY + timedelta(days=30))
        failure = await failure_of(ledger.post_remittance(early, patients(key)))
        assert (failure.code, bool(failure.remedy)) == ("future_dated", True)
        assert [one async for one in ledger.open_items()] == stood
        for _ in range(2):
            assert (await ledger.post_remittance(back, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(10)}

    async def test_a_reversal_that_was_broken_off_ends_as_an_undisturbed_one(self, ledger: Ledger, key: str) -> None:
        lasts = 0.0
        for number in range(6):
            one = f"{key}-{number}"
            await billed(ledger, one)
            await ledger.post_remittance(a_remittance(one, a_claim(one)), patients(one))
            await ledger.apply_payment(a_payment(one, "30.00", payer=None))
            back = a_remittance(one, a_reversal(one), a_claim(one, paid="110.00", patient="40.00"), number="back")
            began = monotonic()
            if number:  # the first one is not disturbed: it tells how long they last
                with suppress(TimeoutError):
                    await asyncio.wait_for(ledger.post_remittance(back, patients(one)), lasts * number / 6)
            posted = await ledger.post_remittance(back, patients(one))
            lasts = lasts or monotonic() - began
            assert (posted.claims, posted.unapplied) == (2, ())
            assert await open_for(ledger, one) == {f"Patient/{one}": Decimal(10)}
