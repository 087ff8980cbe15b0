"""The independent verdict accepts a right day, and each planted fault is found for what it is."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest

from suture_lab.simulators.clinic.day import (
    AppointmentPlan,
    ClinicDay,
    ClinicService,
    KitPart,
    PlannedLine,
    PlannedPayment,
    Step,
)
from suture_lab.simulators.observed import Observed, Standing
from suture_lab.verdict.judge import Finding, RunVerdict, judge

D = Decimal
VISIT = ClinicService(
    code_system="c",
    code="VISIT",
    name="Visit",
    price=D("100.00"),
    share=D(40),
    kit=(KitPart(product="GLOVES", quantity=D(1)),),
)
LAB = ClinicService(code_system="c", code="LAB", name="Laboratory", price=D("33.35"))


def plan(
    key: str,
    *story: Step,
    lines: tuple[PlannedLine, ...] = (PlannedLine(code="VISIT"),),
    payments: tuple[PlannedPayment, ...] = (),
    refused: bool = False,
) -> AppointmentPlan:
    return AppointmentPlan(
        id=key,
        patient="P1",
        practitioner="D1",
        facility="MAIN",
        payer="PAY",
        start=datetime(2025, 3, 3, 9, tzinfo=UTC),
        minutes=30,
        story=("booked", *story),
        lines=lines,
        payments=payments,
        eligible="inactive" if refused else "active",
    )


DAY = ClinicDay(
    day=date(2025, 3, 3),
    seed=1,
    currency="USD",
    facilities=(),
    practitioners=(),
    payers=(),
    patients=(),
    products=(),
    services=(VISIT, LAB),
    appointments=(
        plan(
            "PAID",
            "arrived",
            "completed",
            lines=(PlannedLine(code="VISIT"), PlannedLine(code="LAB", quantity=D(2))),
            payments=(PlannedPayment(amount=D("100.00"), payer="PAY"), PlannedPayment(amount=D("66.70"))),
        ),
        plan("OPEN", "completed", lines=(PlannedLine(code="LAB", quantity=D(3), unit_price=D("10.05")),)),
        plan("REFUSED", "completed", refused=True),
        plan("UNDONE", "completed", "cancelled"),
        plan("NEVER", "completed", "cancelled"),
        plan("MISSED", "noshow", lines=()),
    ),
)


class Scene:
    """What the three systems saw on a right day, for a test to spoil."""

    def __init__(self) -> None:
        self.observed: list[Observed] = []
        self.standing: list[Standing] = []
        self.explained = {"REFUSED"}
        for one in DAY.appointments:
            for step in one.story:
                self.saw("scheduling", f"appointment.{step}", one.id)
        self.bill("PAID", "166.70", "60.01", {"GLOVES": "1"})
        self.pay("PAID", "100.00", "pay-1")
        self.pay("PAID", "66.70", "pay-2")
        self.bill("OPEN", "30.15", "9.05", {})
        self.bill("UNDONE", "100.00", "40.00", {"GLOVES": "1"})
        self.undo("UNDONE", "100.00", "40.00", {"GLOVES": "1"})

    def saw(self, system: str, what: str, key: str, amount: str | None = None, of: str = "", ours: bool = True) -> None:
        self.observed.append(
            Observed(
                at=float(len(self.observed)),
                system=system,
                what=what,
                key=key,
                number=f"{what.partition('.')[0]}/{key}",
                amount=None if amount is None else D(amount),
                of=of,
                external_id="suture.x" if ours else "",
                day=DAY.day,
                party="Payer/PAY",
            )
        )

    def stands(self, kind: str, key: str, amount: str | None = None, residual: str = "0", **others: object) -> None:
        known = {"state": "done" if kind.startswith("stock") else "posted", "external_id": "suture.x"}
        known |= {"day": DAY.day, "party": "Payer/PAY"}
        document = Standing(
            system="odoo",
            kind=kind,
            key=key,
            number=f"{kind}/{key}",
            amount=None if amount is None else D(amount),
            residual=D(residual),
            **(known | others),  # type: ignore[arg-type]
        )
        self.standing.append(document)

    def bill(self, key: str, total: str, compensation: str, moved: dict[str, str]) -> None:
        self.saw("billing", "charge.captured", key, total)
        self.saw("odoo", "invoice.drafted", key, total)
        if moved:
            self.saw("odoo", "stock.done", key)
            self.stands("stock", key, moved={product: D(quantity) for product, quantity in moved.items()})
        self.saw("odoo", "accrual.posted", key, compensation)
        self.stands("accrual", key, compensation)
        self.saw("odoo", "invoice.posted", key, total)
        self.stands("invoice", key, total, residual=total)

    def pay(self, key: str, amount: str, payment: str) -> None:
        self.saw("billing", "payment.posted", payment, amount, of=key)
        self.saw("odoo", "payment.posted", payment, amount)
        self.saw("odoo", "payment.reconciled", payment, amount, of=key)
        self.stands("payment", payment, amount)
        (invoice,) = [d for d in self.standing if (d.kind, d.key) == ("invoice", key)]
        self.change("invoice", key, residual=(invoice.residual or D(0)) - D(amount))

    def undo(self, key: str, total: str, compensation: str, moved: dict[str, str]) -> None:
        self.saw("odoo", "accrual_reversal.posted", key, compensation)
        self.stands("accrual_reversal", key, compensation)
        self.saw("odoo", "stock.returned", key)
        self.stands("stock_return", key, moved={product: D(quantity) for product, quantity in moved.items()})
        self.saw("odoo", "credit.posted", key, total)
        self.stands("credit", key, total)
        self.change("invoice", key, residual=D(0))
        self.saw("billing", "charge.voided", key, total)

    def change(self, kind: str, key: str, **values: object) -> None:
        for at, document in enumerate(self.standing):
            if (document.kind, document.key) == (kind, key):
                self.standing[at] = msgspec.structs.replace(document, **values)

    def forget(self, key: str, *whats: str) -> None:
        """As if the effects, and the documents they are about, had never been."""
        kinds = {"stock_return" if what == "stock.returned" else what.partition(".")[0] for what in whats}
        self.observed = [o for o in self.observed if o.key != key or o.what not in whats or o.system == "scheduling"]
        self.standing = [d for d in self.standing if d.key != key or d.kind not in kinds]

    def swap(self, key: str, one: str, other: str) -> None:
        """The two effects in the other order."""
        ats = {o.what: o.at for o in self.observed if o.key == key and o.what in (one, other)}
        ats[one], ats[other] = ats[other], ats[one]
        self.observed = [
            msgspec.structs.replace(o, at=ats[o.what]) if o.key == key and o.what in ats else o for o in self.observed
        ]

    def verdict(self) -> RunVerdict:
        return judge(DAY, self.observed, self.standing, frozenset(self.explained))


WRITTEN = ("charge.captured", "invoice.drafted", "stock.done", "accrual.posted", "invoice.posted")
UNDOING = ("accrual_reversal.posted", "stock.returned", "credit.posted", "charge.voided")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def faults(verdict: RunVerdict) -> dict[str, list[tuple[str, str]]]:
    lists = {name: getattr(verdict, name) for name in ("lost", "doubled", "half_done", "wrong", "out_of_order")}
    return {name: [(f.kind, f.key) for f in found] for name, found in lists.items() if found}


def test_a_right_day_is_clean(scene: Scene) -> None:
    verdict = scene.verdict()
    assert faults(verdict) == {}
    assert verdict.clean
    assert verdict.counts == {
        "appointments": 6,
        "completed": 3,
        "refused": 1,
        "undone": 2,
        "charges": 2,
        "voided": 1,
        "invoices": 2,
        "credits": 1,
        "stock": 1,
        "accruals": 2,
        "payments": 2,
        "payments_entered": 2,
        "explained": 1,
    }


def lose_all(scene: Scene) -> None:
    scene.forget("OPEN", *WRITTEN)


def lose_a_refusal(scene: Scene) -> None:
    scene.explained.clear()


def lose_a_payment(scene: Scene) -> None:
    scene.observed = [o for o in scene.observed if o.key != "pay-2" or o.system == "billing"]
    scene.standing = [d for d in scene.standing if d.key != "pay-2"]
    scene.change("invoice", "PAID", residual=D("66.70"))


def invoice_twice(scene: Scene) -> None:
    scene.saw("odoo", "invoice.posted", "OPEN", "30.15")


def accrue_beside_our_names(scene: Scene) -> None:
    scene.saw("odoo", "accrual.posted", "OPEN", "9.05", ours=False)
    scene.stands("accrual", "OPEN", "9.05", external_id="")


def draft_beside_our_names(scene: Scene) -> None:
    scene.stands("accrual", "OPEN", "9.05", state="draft", external_id="")


def enter_twice(scene: Scene) -> None:
    scene.saw("odoo", "payment.posted", "pay-1", "100.00")


def charge_and_no_more(scene: Scene) -> None:
    scene.forget("OPEN", "accrual.posted", "invoice.posted", "invoice.drafted")


def undo_by_half(scene: Scene) -> None:
    scene.forget("UNDONE", "credit.posted", "charge.voided")
    scene.change("invoice", "UNDONE", residual=D("100.00"))


def leave_a_draft(scene: Scene) -> None:
    scene.forget("UNDONE", "invoice.posted", "credit.posted")
    scene.stands("invoice", "UNDONE", "100.00", state="draft")


def enter_without_matching(scene: Scene) -> None:
    scene.change("payment", "pay-2", residual=D("66.70"))
    scene.change("invoice", "PAID", residual=D("66.70"))


def never_undo(scene: Scene) -> None:
    scene.forget("UNDONE", *UNDOING)
    scene.change("invoice", "UNDONE", residual=D("100.00"))


def charge_too_much(scene: Scene) -> None:
    scene.observed = [
        msgspec.structs.replace(o, amount=D("30.16")) if (o.what, o.key) == ("charge.captured", "OPEN") else o
        for o in scene.observed
    ]


def invoice_too_much(scene: Scene) -> None:
    scene.change("invoice", "OPEN", amount=D("30.16"))


def leave_a_cent_open(scene: Scene) -> None:
    scene.change("invoice", "PAID", residual=D("0.01"))


def accrue_too_little(scene: Scene) -> None:
    scene.change("accrual", "OPEN", amount=D("9.04"))


def move_too_much(scene: Scene) -> None:
    scene.change("stock", "PAID", moved={"GLOVES": D(2)})


def move_what_is_not_due(scene: Scene) -> None:
    scene.saw("odoo", "stock.done", "OPEN")
    scene.stands("stock", "OPEN", moved={"GLOVES": D(1)})


def return_too_little(scene: Scene) -> None:
    scene.change("stock_return", "UNDONE", moved={"GLOVES": D("0.5")})


def enter_another_amount(scene: Scene) -> None:
    scene.change("payment", "pay-2", amount=D("66.60"))
    scene.change("invoice", "PAID", residual=D("0.10"))


def invoice_in_the_next_month(scene: Scene) -> None:
    scene.change("invoice", "OPEN", day=date(2025, 4, 1))


def accrue_a_day_late(scene: Scene) -> None:
    scene.change("accrual", "OPEN", day=date(2025, 3, 4))


def charge_the_day_before(scene: Scene) -> None:
    scene.observed = [
        msgspec.structs.replace(o, day=date(2025, 3, 2)) if (o.what, o.key) == ("charge.captured", "OPEN") else o
        for o in scene.observed
    ]


def invoice_the_patient(scene: Scene) -> None:
    scene.change("invoice", "OPEN", party="Patient/P1")


def enter_on_another_day(scene: Scene) -> None:
    scene.change("payment", "pay-1", day=date(2025, 3, 4))


def enter_for_another_party(scene: Scene) -> None:
    scene.change("payment", "pay-1", party="Payer/OTHER")


def bill_a_stranger(scene: Scene) -> None:
    scene.stands("invoice", "", "5.00", external_id="")


def bill_a_no_show(scene: Scene) -> None:
    scene.saw("scheduling", "appointment.completed", "MISSED")
    scene.saw("billing", "charge.captured", "MISSED", "100.00")


def bill_the_refused(scene: Scene) -> None:
    scene.saw("billing", "charge.captured", "REFUSED", "100.00")


def match_with_another(scene: Scene) -> None:
    scene.observed = [
        msgspec.structs.replace(o, of="OPEN") if (o.what, o.key) == ("payment.reconciled", "pay-1") else o
        for o in scene.observed
    ]


def draft_first(scene: Scene) -> None:
    scene.swap("PAID", "charge.captured", "invoice.drafted")


def return_first(scene: Scene) -> None:
    scene.swap("UNDONE", "stock.done", "stock.returned")


def post_after_undoing_began(scene: Scene) -> None:
    scene.swap("UNDONE", "invoice.posted", "accrual_reversal.posted")


def charge_before_completion(scene: Scene) -> None:
    scene.observed = [
        msgspec.structs.replace(o, at=999.0) if (o.what, o.key) == ("appointment.completed", "OPEN") else o
        for o in scene.observed
    ]


def enter_before_the_invoice(scene: Scene) -> None:
    scene.observed = [
        msgspec.structs.replace(o, at=999.0) if (o.what, o.key) == ("invoice.posted", "PAID") else o
        for o in scene.observed
    ]


PLANTED: dict[Callable[[Scene], None], dict[str, list[tuple[str, str]]]] = {
    lose_all: {"lost": [("appointment", "OPEN")]},
    lose_a_refusal: {"lost": [("appointment", "REFUSED")]},
    lose_a_payment: {"lost": [("payment", "pay-2")]},
    invoice_twice: {"doubled": [("invoice", "OPEN")]},
    accrue_beside_our_names: {"doubled": [("accrual", "OPEN")]},
    draft_beside_our_names: {"doubled": [("accrual", "OPEN")]},
    enter_twice: {"doubled": [("payment", "pay-1")]},
    charge_and_no_more: {"half_done": [("appointment", "OPEN")]},
    undo_by_half: {"half_done": [("appointment", "UNDONE")]},
    leave_a_draft: {"half_done": [("appointment", "UNDONE")]},
    enter_without_matching: {"half_done": [("payment", "pay-2")]},
    never_undo: {"wrong": [("appointment", "UNDONE")]},
    charge_too_much: {"wrong": [("charge", "OPEN")]},
    invoice_too_much: {"wrong": [("invoice", "OPEN")]},
    leave_a_cent_open: {"wrong": [("invoice", "PAID")]},
    accrue_too_little: {"wrong": [("accrual", "OPEN")]},
    move_too_much: {"wrong": [("stock", "PAID")]},
    move_what_is_not_due: {"wrong": [("stock", "OPEN"), ("stock", "OPEN")]},
    return_too_little: {"wrong": [("stock_return", "UNDONE")]},
    enter_another_amount: {"wrong": [("payment", "pay-2")]},
    invoice_in_the_next_month: {"wrong": [("invoice", "OPEN")]},
    accrue_a_day_late: {"wrong": [("accrual", "OPEN")]},
    charge_the_day_before: {"wrong": [("charge", "OPEN")]},
    invoice_the_patient: {"wrong": [("invoice", "OPEN")]},
    enter_on_another_day: {"wrong": [("payment", "pay-1")]},
    enter_for_another_party: {"wrong": [("payment", "pay-1")]},
    bill_a_stranger: {"wrong": [("invoice", "")]},
    bill_a_no_show: {"wrong": [("charge", "MISSED")]},
    bill_the_refused: {"wrong": [("charge", "REFUSED")]},
    match_with_another: {"wrong": [("payment", "pay-1")]},
    draft_first: {"out_of_order": [("invoice", "PAID")]},
    return_first: {
        "out_of_order": [("stock_return", "UNDONE"), ("stock", "UNDONE"), ("accrual", "UNDONE"), ("invoice", "UNDONE")]
    },
    post_after_undoing_began: {"out_of_order": [("invoice", "UNDONE")]},
    charge_before_completion: {"out_of_order": [("charge", "OPEN")]},
    enter_before_the_invoice: {"out_of_order": [("payment", "pay-1"), ("payment", "pay-2")]},
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_each_planted_fault_is_found_for_what_it_is(scene: Scene, plant: Callable[[Scene], None]) -> None:
    plant(scene)
    verdict = scene.verdict()
    assert {name: sorted(found) for name, found in faults(verdict).items()} == {
        name: sorted(found) for name, found in PLANTED[plant].items()
    }
    assert not verdict.clean


@pytest.mark.parametrize("plant", [lose_all, charge_and_no_more], ids=lambda plant: plant.__name__)
def test_what_an_exception_holds_may_lack_things(scene: Scene, plant: Callable[[Scene], None]) -> None:
    plant(scene)
    scene.explained.add("OPEN")
    assert scene.verdict().clean


@pytest.mark.parametrize("plant", [undo_by_half, never_undo, leave_a_draft], ids=lambda plant: plant.__name__)
def test_an_undoing_that_is_stuck_with_its_exception_is_explained(scene: Scene, plant: Callable[[Scene], None]) -> None:
    plant(scene)
    scene.explained.add("UNDONE")
    assert scene.verdict().clean


@pytest.mark.parametrize("key", ["pay-2", "PAID"])
@pytest.mark.parametrize("plant", [lose_a_payment, enter_without_matching], ids=lambda plant: plant.__name__)
def test_a_payment_waits_with_its_own_exception_or_its_appointment_s(
    scene: Scene, plant: Callable[[Scene], None], key: str
) -> None:
    plant(scene)
    scene.explained.add(key)
    assert scene.verdict().clean


@pytest.mark.parametrize(
    "plant", [invoice_twice, accrue_beside_our_names, invoice_too_much], ids=lambda plant: plant.__name__
)
def test_an_exception_excuses_nothing_doubled_or_wrong(scene: Scene, plant: Callable[[Scene], None]) -> None:
    plant(scene)
    scene.explained.add("OPEN")
    assert faults(scene.verdict()) == PLANTED[plant]


def test_a_document_that_was_posted_made_a_draft_and_posted_again_is_one(scene: Scene) -> None:
    for what, key, amount in (("accrual", "OPEN", "9.05"), ("payment", "pay-1", "100.00")):
        scene.saw("odoo", f"{what}.redrafted", key, amount)
        scene.saw("odoo", f"{what}.posted", key, amount)
    assert scene.verdict().clean
    scene.saw("odoo", "accrual.posted", "OPEN", "9.05")
    assert faults(scene.verdict()) == {"doubled": [("accrual", "OPEN")]}


def test_what_was_booked_beside_the_day_s_plan_is_no_stranger(scene: Scene) -> None:
    scene.stands("remittance", "R1", "30.15")
    assert faults(scene.verdict()) == {"wrong": [("remittance", "R1")]}
    assert judge(DAY, scene.observed, scene.standing, frozenset(scene.explained), beside=frozenset({"R1"})).clean


def test_a_finding_says_whose_document_it_is(scene: Scene) -> None:
    accrue_beside_our_names(scene)
    detail = "accrual.posted: accrual/OPEN and accrual/OPEN (not ours)"
    assert scene.verdict().doubled == (Finding("accrual", "OPEN", detail),)
