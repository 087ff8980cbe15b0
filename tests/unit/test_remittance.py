"""A remittance adds up, or says where it doesn't; and it is read from its document without a guess."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.canonical.remittance import imbalances
from suture.codecs import remittance as codec
from suture.connectors.testing.orders import a_claim, a_remittance, usd


def test_the_worked_example_balances() -> None:
    assert list(imbalances(a_remittance("A", a_claim("A"), kept="25.00"))) == []


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"paid": "121.00"}, "charged 200.00 USD, paid and adjusted 201.00 USD"),
        ({"PR-1": "29.00"}, "the patient's share is 30.00 USD, its PR adjustments are 29.00 USD"),
    ],
)
def test_a_claim_that_does_not_add_up_is_named(told: dict[str, str], words: str) -> None:
    (found,) = imbalances(a_remittance("A", a_claim("A", **told)))
    assert found == f"claim A-claim: {words}"


def test_the_patients_adjustments_explain_the_share_and_are_not_counted_twice() -> None:
    claim = a_claim("A", **{"PR-1": "20.00", "PR-2": "10.00"})
    assert list(imbalances(a_remittance("A", claim))) == []
    assert [adjustment.code for adjustment in claim.own_adjustments] == ["CO-45"]


def test_a_deposit_that_is_not_what_the_claims_got_is_told() -> None:
    told = msgspec.structs.replace(a_remittance("A", a_claim("A")), deposit=usd("119.99"))
    assert list(imbalances(told)) == [
        "remittance A-era: 119.99 USD deposited, 120.00 USD by its claims and adjustments"
    ]


def test_a_reversal_balances_by_its_negative_amounts() -> None:
    turned = a_claim("A", charged="-200.00", paid="-120.00", patient="-30.00", **{"CO-45": "-50.00"}, status="22")
    assert list(imbalances(a_remittance("A", turned))) == []


def test_the_example_document_is_a_remittance_that_balances() -> None:
    told, payer = codec.decode(codec.EXAMPLE)
    assert list(imbalances(told)) == []
    assert (payer.name, told.payer, told.deposit) == ("Harbour Mutual", payer.reference, usd("95.00"))


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{}", codec.EXAMPLE.replace(b'"paid"', b'"payed"'), codec.EXAMPLE.replace(b"95.00", b"x")]
)
def test_what_is_no_remittance_is_refused_in_words(document: bytes) -> None:
    with pytest.raises(codec.Unreadable, match="not a remittance"):
        codec.decode(document)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(document: bytes) -> None:
    with suppress(codec.Unreadable):
        codec.decode(document)


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=8))
def test_claims_that_add_up_always_balance(cents: list[tuple[int, int, int]]) -> None:
    claims = [
        a_claim(
            f"A{number}",
            charged=f"{(paid + share + adjusted) / 100:.2f}",
            paid=f"{paid / 100:.2f}",
            patient=f"{share / 100:.2f}",
            **{"CO-45": f"{adjusted / 100:.2f}"},
        )
        for number, (paid, share, adjusted) in enumerate(cents)
    ]
    assert list(imbalances(a_remittance("A", *claims))) == []
