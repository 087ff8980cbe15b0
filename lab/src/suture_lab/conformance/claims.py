"""Claims that were told in parts, twice, by several payers or in another order: what was told decides, not what an
entry happens to hold."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from suture.canonical.remittance import ClaimPayment, Remittance
from suture.connectors.port import Ledger, LedgerPlan, PlannedAdjustment
from suture_lab.conformance.orders import (
    DAY,
    OTHER_PAYER,
    PAYER,
    PLAN,
    RECEIVABLE,
    a_claim,
    a_payment,
    a_remittance,
    a_reversal,
    an_invoice,
    moved,
    open_for,
    patients,
)
from suture_lab.conformance.remittances import CLEARING, CONTRACTUAL, billed

HALF = {"charged": "100.00", "paid": "60.00", "patient": "15.00", "CO-45": "25.00"}
OTHER_HALF = {"charged": "100.00", "paid": "60.00", "patient": "10.00", "CO-45": "30.00"}
BACK = {"charged": "-100.00", "paid": "-60.00", "patient": "0.00"}
"""The reversal of the first half, without its reasons."""
SECOND = {"status": "2", "paid": "20.00", "patient": "5.00", "CO-45": "55.00", "OA-23": "120.00"}


async def at_the_desk(ledger: Ledger, key: str, amount: str) -> None:
    """The patient pays before any payer does."""
    await ledger.apply_payment(a_payment(key, amount, payer=None), partner=an_invoice(key).partner)


def plan_with(**accounts: PlannedAdjustment | None) -> LedgerPlan:
    """The plan with other accounts for reasons (``CO_45``), or without one."""
    told = {code.replace("_", "-"): account for code, account in accounts.items()}
    adjustments = {code: account for code, account in (PLAN.adjustments | told).items() if account}
    return msgspec.structs.replace(PLAN, adjustments=adjustments)


async def told_by(
    connect: Callable[..., Ledger], plan: LedgerPlan, remittance: Remittance, key: str
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """What a remittance asks where the catalogue has this plan: claims that are not settled, and unknown reasons."""
    other = connect(plan)
    try:
        await other.prepare(plan)
        posted = await other.post_remittance(remittance, patients(key))
        return posted.unapplied, posted.unmapped
    finally:
        await other.close()


def of_visit(claim: ClaimPayment, appointment: str) -> ClaimPayment:
    return msgspec.structs.replace(claim, appointment=appointment, patient=f"Patient/{appointment}")


class ClaimConformance:
    """Whatever comes first, the books end as if all had come in order; where they can't, a person is asked."""

    @pytest.mark.parametrize(
        "said",
        [
            {"CO-45": "-25.00", "PR-1": "0"},
            {"CO-45": "0", "PR-1": "-15.00"},
            {"CO-45": "0", "CO-97": "-25.00", "PR-1": "-15.00"},
        ],
        ids=["reason", "share", "share_and_another_reason"],
    )
    @pytest.mark.parametrize("booked", ["whole", "without_patient", "before_the_invoice"])
    async def test_of_two_halves_paid_alike_a_reversal_takes_back_the_one_of_which_either_is_right(
        self, ledger: Ledger, key: str, said: dict[str, str], booked: str
    ) -> None:
        told = a_remittance(key, a_claim(key, **HALF), a_claim(key, **OTHER_HALF))
        if booked != "before_the_invoice":
            await billed(ledger, key)
        await ledger.post_remittance(told, [PAYER] if booked == "without_patient" else patients(key))
        if booked == "before_the_invoice":
            await billed(ledger, key)
        back = a_remittance(key, a_reversal(key, **BACK, **said), number="back")
        assert (await ledger.post_remittance(back, patients(key))).unapplied == ()
        for _ in range(2):
            posted = await ledger.post_remittance(told, patients(key))
            assert (posted.unapplied, posted.without_patient) == ((), ())
        assert await open_for(ledger, key) == {PAYER.reference: Decimal(100), f"Patient/{key}": Decimal(10)}

    @pytest.mark.parametrize(
        "said",
        [{"CO-45": "0", "PR-1": "0"}, {"CO-45": "-25.00", "PR-1": "-10.00"}],
        ids=["bare", "of_each_something"],
    )
    async def test_where_nothing_tells_halves_apart_a_person_is_asked(
        self, ledger: Ledger, key: str, said: dict[str, str]
    ) -> None:
        """And what comes later isn't taken for what was meant."""
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key, **HALF), a_claim(key, **OTHER_HALF)), patients(key))
        back = a_remittance(key, a_reversal(key, **BACK, **said), number="back")
        moves = await moved(ledger, lambda: ledger.post_remittance(back, patients(key)))
        assert moves == {CLEARING: Decimal(-60), RECEIVABLE: Decimal(60)}
        again = msgspec.structs.replace(
            a_remittance(key, a_claim(key, **HALF), number="again"), received_on=DAY - timedelta(days=1)
        )
        for one in (back, again):
            assert (await ledger.post_remittance(one, patients(key))).unapplied == (f"{key}-claim",)

    async def test_a_claim_that_was_sent_twice_is_taken_back_where_it_was_booked_least(
        self, ledger: Ledger, key: str
    ) -> None:
        await billed(ledger, key)
        files = [a_remittance(key, a_claim(key), number=number) for number in ("era", "again")]
        for told in files:
            await ledger.post_remittance(told, patients(key))
        back = a_remittance(key, a_reversal(key), number="back")
        for told in (back, *files, back):
            assert (await ledger.post_remittance(told, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(30)}

    async def test_a_correction_of_the_same_payment_is_not_what_its_reversal_takes_back(
        self, ledger: Ledger, key: str
    ) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        corrected = a_claim(key, patient="20.00", **{"CO-45": "60.00"})
        correction = a_remittance(key, corrected, number="corrected")
        assert (await ledger.post_remittance(correction, patients(key))).unapplied == (f"{key}-claim",)
        await ledger.post_remittance(a_remittance(key, a_reversal(key), number="back"), patients(key))
        assert (await ledger.post_remittance(correction, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(20)}

    @pytest.mark.parametrize("files", [1, 2], ids=["one_file", "two_files"])
    async def test_one_number_on_two_visits_is_two_claims(self, ledger: Ledger, key: str, files: int) -> None:
        visits = [f"{key}-a", f"{key}-b"]
        await billed(ledger, *visits)
        claims = [of_visit(a_claim(key), visit) for visit in visits]
        for number, told in enumerate([claims] if files == 1 else [[one] for one in claims]):
            await ledger.post_remittance(a_remittance(key, *told, number=f"era{number}"), patients(*visits))
        back = a_remittance(key, of_visit(a_reversal(key), visits[0]), number="back")
        assert (await ledger.post_remittance(back, patients(*visits))).unapplied == ()
        assert await open_for(ledger, key) == {PAYER.reference: Decimal(200), f"Patient/{visits[1]}": Decimal(30)}

    async def test_a_reversal_of_another_visit_takes_nothing_back_and_is_told(self, ledger: Ledger, key: str) -> None:
        visits = [f"{key}-a", f"{key}-b"]
        await billed(ledger, *visits)
        claim = of_visit(a_claim(key), visits[0])
        await ledger.post_remittance(a_remittance(key, claim), patients(*visits))
        back = a_remittance(key, of_visit(a_reversal(key), visits[1]), number="back")
        assert (await ledger.post_remittance(back, patients(*visits))).unapplied == (f"{key}-claim",)
        assert await open_for(ledger, key) == {PAYER.reference: Decimal(320), f"Patient/{visits[0]}": Decimal(30)}

    async def test_a_claims_number_that_begins_like_anothers_is_its_own(self, ledger: Ledger, key: str) -> None:
        visits = [f"{key}-a", f"{key}-b"]
        await billed(ledger, *visits)
        first = a_claim(visits[0], charged="120.00", patient="0.00", **{"CO-45": "0"})
        told = [
            msgspec.structs.replace(one, claim=number)
            for one, number in ((first, key), (a_claim(visits[1]), f"{key}, 8"))
        ]
        await ledger.post_remittance(a_remittance(key, *told), patients(*visits))
        back = msgspec.structs.replace(a_reversal(visits[0], **{"CO-45": "0", "PR-1": "0"}), claim=key)
        undone = a_remittance(key, back, number="back")
        moves = await moved(ledger, lambda: ledger.post_remittance(undone, patients(*visits)))
        assert moves == {CLEARING: Decimal(-120), RECEIVABLE: Decimal(120)}
        assert (await ledger.post_remittance(undone, patients(*visits))).unapplied == ()
        assert await open_for(ledger, key) == {PAYER.reference: Decimal(200), f"Patient/{visits[1]}": Decimal(30)}

    @pytest.mark.parametrize("odd", [{}, {"CO-45": "0", "XX-99": "155.00"}], ids=["unbalanced", "unmapped"])
    @pytest.mark.parametrize("first", [True, False], ids=["of_the_invoice", "besides_another"])
    async def test_of_a_claim_without_an_explanation_the_payers_money_stays_the_payers(
        self, ledger: Ledger, key: str, odd: dict[str, str], first: bool
    ) -> None:
        await billed(ledger, key)
        await at_the_desk(ledger, key, "30.00" if not first else "190.00")
        if not first:
            await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        claim = a_claim(key, paid="15.00", **odd)
        moves = await moved(
            ledger, lambda: ledger.post_remittance(a_remittance(key, claim, number="odd"), patients(key))
        )
        assert moves == {CLEARING: Decimal(15), RECEIVABLE: Decimal(-15)}
        assert await open_for(ledger, key) == {PAYER.reference: Decimal(-5 if first else -15)}

    async def test_what_was_booked_as_money_alone_is_completed_once_its_reason_has_an_account(
        self, ledger: Ledger, key: str, connect: Callable[..., Ledger]
    ) -> None:
        await billed(ledger, key)
        await at_the_desk(ledger, key, "100.00")
        told = a_remittance(key, a_claim(key))
        unknown = await told_by(connect, plan_with(CO_45=None), told, key)
        assert unknown == ((f"{key}-claim",), ((f"{key}-claim", "CO-45"),))
        for expected in ({CONTRACTUAL: Decimal(50), RECEIVABLE: Decimal(-50)}, {}):
            assert await moved(ledger, lambda: ledger.post_remittance(told, patients(key))) == expected
            assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(-70)}
        back = a_remittance(key, a_reversal(key), number="back")
        assert (await ledger.post_remittance(back, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {PAYER.reference: Decimal(100)}

    @pytest.mark.parametrize(
        "changed",
        [plan_with(CO_45=None), plan_with(CO_45=PLAN.adjustments["OA-23"]), plan_with(OA_23=PLAN.adjustments["CO-29"])],
        ids=["removed", "left_open", "booked"],
    )
    async def test_a_plan_that_changes_later_changes_nothing_that_was_booked_whole(
        self, ledger: Ledger, key: str, connect: Callable[..., Ledger], changed: LedgerPlan
    ) -> None:
        await billed(ledger, key)
        told = a_remittance(key, a_claim(key, paid="100.00", **{"OA-23": "20.00"}))
        await ledger.post_remittance(told, patients(key))
        stands = await open_for(ledger, key)
        assert await told_by(connect, changed, told, key) == ((), ())
        assert await open_for(ledger, key) == stands
        await ledger.prepare(PLAN)

    @pytest.mark.parametrize("early", [False, True], ids=["in_order", "before_the_first"])
    async def test_what_a_second_payer_adjusts_anew_does_not_depend_on_the_order(
        self, ledger: Ledger, key: str, early: bool
    ) -> None:
        await billed(ledger, key)
        first = a_remittance(key, a_claim(key))
        second = a_remittance(key, a_claim(key, **SECOND), number="second", payer=OTHER_PAYER.reference)
        if early:
            assert (await ledger.post_remittance(second, patients(key))).unapplied == (f"{key}-claim",)
        await ledger.post_remittance(first, patients(key))
        for _ in range(2):
            assert (await ledger.post_remittance(second, patients(key))).unapplied == ()
            assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(5)}

    @pytest.mark.parametrize("files", [1, 2], ids=["one_file", "two_files"])
    async def test_halves_of_a_second_payer_repeat_what_was_adjusted_once(
        self, ledger: Ledger, key: str, files: int
    ) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
        half = {"charged": "100.00", "status": "2", "paid": "5.00", "patient": "10.00"}
        halves = [
            a_claim(key, **half, **{"CO-45": "25.00", "OA-23": "60.00"}),
            a_claim(key, **half, **{"CO-45": "35.00", "OA-23": "50.00"}),
        ]
        for number, told in enumerate([halves] if files == 1 else [[one] for one in halves]):
            second = a_remittance(key, *told, number=f"second{number}", payer=OTHER_PAYER.reference)
            assert (await ledger.post_remittance(second, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(10)}

    @pytest.mark.parametrize("payer", [PAYER, OTHER_PAYER], ids=["the_same", "another"])
    @pytest.mark.parametrize("files", [1, 2], ids=["one_file", "two_files"])
    @pytest.mark.parametrize("share", ["30.00", "0.00"], ids=["of_the_patient", "left_open"])
    async def test_a_second_payer_pays_what_the_first_one_left(
        self, ledger: Ledger, key: str, payer: msgspec.Struct, files: int, share: str
    ) -> None:
        """Be it the same one for another policy, in one file."""
        await billed(ledger, key)
        left = {} if share == "30.00" else {"OA-23": "30.00"}
        first = a_claim(key, patient=share, **left)
        second = a_claim(key, status="2", paid="30.00", patient="0.00", **{"OA-23": "120.00"})
        name = PAYER.reference if payer is PAYER else OTHER_PAYER.reference
        if files == 1 and payer is PAYER:
            told = [a_remittance(key, first, second)]
        else:
            told = [a_remittance(key, first), a_remittance(key, second, number="second", payer=name)]
        for remittance in (*told, *told):
            assert (await ledger.post_remittance(remittance, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {}

    async def test_a_second_payer_does_not_pay_what_is_still_the_first_ones(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await ledger.post_remittance(a_remittance(key, a_claim(key, **HALF)), patients(key))
        second = a_claim(
            key, charged="100.00", status="2", paid="40.00", patient="0.00", **{"CO-45": "0", "OA-23": "60"}
        )
        theirs = a_remittance(key, second, number="second", payer=OTHER_PAYER.reference)
        assert (await ledger.post_remittance(theirs, patients(key))).unapplied == (f"{key}-claim",)
        assert await open_for(ledger, key) == {PAYER.reference: Decimal(100), OTHER_PAYER.reference: Decimal(-25)}

    async def test_halves_ask_for_nothing_that_their_patient_paid_at_the_desk(self, ledger: Ledger, key: str) -> None:
        await billed(ledger, key)
        await at_the_desk(ledger, key, "25.00")
        halves = a_remittance(key, a_claim(key, **HALF), a_claim(key, **OTHER_HALF))
        for _ in range(2):
            assert (await ledger.post_remittance(halves, patients(key))).unapplied == ()
            assert await open_for(ledger, key) == {}
        back = a_remittance(key, a_reversal(key, **BACK, **{"CO-45": "-25.00", "PR-1": "-15.00"}), number="back")
        assert (await ledger.post_remittance(back, patients(key))).unapplied == ()
        assert await open_for(ledger, key) == {PAYER.reference: Decimal(85)}
        anew = a_remittance(key, a_claim(key, **HALF | {"paid": "75.00", "patient": "0.00"}), number="anew")
        assert (await ledger.post_remittance(anew, patients(key))).unapplied == (f"{key}-claim",)
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal(-15)}

    async def test_a_correction_of_the_day_on_which_what_we_never_booked_was_taken_back_is_booked(
        self, ledger: Ledger, key: str
    ) -> None:
        await billed(ledger, key)
        back = a_remittance(key, a_reversal(key), number="back")
        await ledger.post_remittance(back, patients(key))
        corrected = a_remittance(key, a_claim(key, patient="10.00", **{"CO-45": "70.00"}), number="corrected")
        moves = await moved(ledger, lambda: ledger.post_remittance(corrected, patients(key)))
        assert moves == {CLEARING: Decimal(120), CONTRACTUAL: Decimal(70), RECEIVABLE: Decimal(-190)}
        assert (await ledger.post_remittance(back, patients(key))).unapplied == (f"{key}-claim",)

    async def test_how_much_is_open_of_a_claim_is_told(self, ledger: Ledger, key: str) -> None:
        async def left(*claims: ClaimPayment, number: str) -> list[str]:
            posted = await ledger.post_remittance(a_remittance(key, *claims, number=number), patients(key))
            (one,) = posted.left
            assert posted.unapplied == (one.claim,)
            return [f"{money.amount:.0f}" for money in (one.credit, one.debit, one.over)]

        await billed(ledger, key)
        await at_the_desk(ledger, key, "50.00")
        assert await left(a_claim(key), number="era") == ["0", "0", "20"]
        assert await left(a_claim(key), number="again") == ["120", "0", "0"]
        assert await left(a_reversal(key, paid="-7.00"), number="back") == ["0", "7", "0"]
