"""A remittance adds up, or says where it doesn't; and it is read from its document without a guess."""

import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.canonical.remittance import Remittance, imbalance
from suture.codecs import remittance as codec
from suture_lab.conformance.orders import a_claim, a_remittance, usd


def wrong(told: Remittance) -> list[str]:
    """What doesn't add up: of the deposit, and of each claim."""
    return [words for words in (imbalance(told), *(claim.misfit for claim in told.claims)) if words]


def test_the_worked_example_balances() -> None:
    assert wrong(a_remittance("A", a_claim("A"), kept="25.00")) == []


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"paid": "121.00"}, "charged 200.00 USD, paid and adjusted 201.00 USD"),
        ({"PR-1": "29.00"}, "the patient's share is 30.00 USD, its PR adjustments are 29.00 USD"),
    ],
)
def test_a_claim_that_does_not_add_up_is_named(told: dict[str, str], words: str) -> None:
    told_ = a_remittance("A", a_claim("A", **told))
    assert (imbalance(told_), told_.claims[0].misfit) == ("", words)


def test_the_patients_adjustments_explain_the_share_and_are_not_counted_twice() -> None:
    claim = a_claim("A", **{"PR-1": "20.00", "PR-2": "10.00"})
    assert wrong(a_remittance("A", claim)) == []
    assert [adjustment.code for adjustment in claim.own_adjustments] == ["CO-45"]


def test_a_deposit_that_is_not_what_the_claims_got_is_told() -> None:
    told = msgspec.structs.replace(a_remittance("A", a_claim("A")), deposit=usd("119.99"))
    assert wrong(told) == ["119.99 USD deposited, 120.00 USD by its claims and adjustments"]


def test_a_reversal_balances_by_its_negative_amounts() -> None:
    turned = a_claim("A", charged="-200.00", paid="-120.00", patient="-30.00", **{"CO-45": "-50.00"}, status="22")
    assert wrong(a_remittance("A", turned)) == []


def test_the_example_document_is_a_remittance_that_balances() -> None:
    told, payer = codec.decode(codec.EXAMPLE)
    assert wrong(told) == []
    assert (payer.name, told.payer, told.deposit) == ("Harbour Mutual", payer.reference, usd("95.00"))


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{}", codec.EXAMPLE.replace(b'"paid"', b'"payed"'), codec.EXAMPLE.replace(b"95.00", b"x")]
)
def test_what_is_no_remittance_is_refused_in_words(document: bytes) -> None:
    with pytest.raises(codec.Unreadable, match="not a remittance"):
        codec.decode(document)


def a_document(**told: object) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(codec.EXAMPLE) | told)


def with_claim(**told: object) -> bytes:
    (claim,) = msgspec.json.decode(codec.EXAMPLE)["claims"]
    return a_document(claims=[claim | told])


@pytest.mark.parametrize(
    "number",
    [
        *("Infinity", "-Infinity", "NaN", "sNaN", "1e30", "1e999999", "120.005", "1e-9", "1" + "0" * 12),
        *("1_000", "９５.00", "٩٥", " 95.00", "95.00\n", "+95.00", ".50", "95.", "95,00", "1e2", "", "-"),
    ],
)
@pytest.mark.parametrize(
    ("place", "document"),
    [
        ("$.deposit", lambda number: a_document(deposit=number)),
        ("$.claims[0].charged", lambda number: with_claim(charged=number)),
        ("$.claims[0].paid", lambda number: with_claim(paid=number)),
        ("$.claims[0].patient_responsibility", lambda number: with_claim(patient_responsibility=number)),
        (
            "$.claims[0].adjustments[1].amount",
            lambda number: with_claim(
                adjustments=[{"group": "CO", "reason": r, "amount": n} for r, n in (("45", "1"), ("96", number))]
            ),
        ),
        (
            "$.provider_adjustments[0].amount",
            lambda number: a_document(provider_adjustments=[{"reason": "WO", "amount": number}]),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_number_that_is_no_amount_of_the_currency_is_refused_with_its_place(
    place: str, document: Callable[[str], bytes], number: str
) -> None:
    with pytest.raises(codec.Unreadable, match=re.escape(f"not a remittance: {place} ")):
        codec.decode(document(number))


def test_an_amount_may_be_a_number_and_is_none_that_binary_floating_point_would_round() -> None:
    told, _ = codec.decode(codec.EXAMPLE.replace(b'"95.00"', b"95.00"))
    assert told.deposit == usd("95.00")
    for number in (b"95.00000000000000001", b"95e0", b"true"):
        with pytest.raises(codec.Unreadable, match=re.escape("not a remittance: $.deposit ")):
            codec.decode(codec.EXAMPLE.replace(b'"95.00"', number))


@pytest.mark.parametrize("day", ["20.11.2026", "2026-11-31", "20261120", ""])
def test_what_is_no_date_is_told_how_one_is_written(day: str) -> None:
    with pytest.raises(codec.Unreadable, match=re.escape("$.received_on is not a date: write YYYY-MM-DD")):
        codec.decode(a_document(received_on=day))


@pytest.mark.parametrize(("currency", "refused"), [("USD", False), ("KWD", False), ("XOF", True), ("JPY", True)])
def test_decimals_are_those_of_the_currency(currency: str, refused: bool) -> None:
    document = a_document(currency=currency, deposit="95.50")
    with pytest.raises(codec.Unreadable, match="has more decimals than") if refused else nullcontext():
        codec.decode(document)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"currency": "USX"}, "$.currency is not a currency code"),
        ({"currency": ""}, "$.currency is not a currency code"),
        ({"number": "  "}, "$.number is not a number of one word"),
        ({"payer": {"reference": "P1", "name": "N"}}, "$.payer.reference is not a payer's reference"),
        ({"payer": {"reference": "Patient/4711", "name": "N"}}, "$.payer.reference is not a payer's reference"),
        ({"payer": {"reference": "Payer/P1", "name": " "}}, "$.payer.name is empty"),
    ],
)
def test_what_tells_remittances_apart_must_be_there(told: dict[str, object], words: str) -> None:
    with pytest.raises(codec.Unreadable, match=re.escape(words)):
        codec.decode(a_document(**told))


def places_of_texts(document: object, place: str = "$") -> Iterator[str]:
    """Where a document holds texts that people wrote: not its amounts, dates and currency."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from places_of_texts(value, f"{place}.{key}")
    elif isinstance(document, list):
        for n, value in enumerate(document):
            yield from places_of_texts(value, f"{place}[{n}]")
    elif isinstance(document, str) and not re.fullmatch(r"[\d.]+|20[\d-]+|USD", document):
        yield place


def put(document: dict[str, Any], place: str, text: str) -> bytes:
    """The document with this text at a JSON path."""
    *way, last = [int(step) if step.isdigit() else step for step in re.findall(r"\w+", place)]
    of: Any = document
    for step in way:
        of = of[step]
    of[last] = text
    return msgspec.json.encode(document)


@pytest.mark.parametrize("place", [*places_of_texts(msgspec.json.decode(codec.EXAMPLE)), "$.claims[0].status"])
@pytest.mark.parametrize("text", ["A\0B", "A\nB", "\x7f", "A" * 201], ids=["nul", "line", "delete", "long"])
def test_a_text_that_can_not_be_written_is_refused_with_its_place(place: str, text: str) -> None:
    with pytest.raises(codec.Unreadable, match=re.escape(f"not a remittance: {place} ")) as caught:
        codec.decode(put(msgspec.json.decode(codec.EXAMPLE), place, text))
    assert text not in str(caught.value)


def test_blanks_around_a_claims_number_and_its_visit_are_none_of_theirs() -> None:
    told, _ = codec.decode(with_claim(claim=" C-4711 ", appointment="\u00a0A-4711 "))
    assert (told.claims[0].claim, told.claims[0].appointment) == ("C-4711", "A-4711")


@pytest.mark.parametrize("status", ["1", "2", "3", "4", "19", "20", "21", "22", "23", "25", "5", "27", "?"])
def test_any_claim_status_is_read(status: str) -> None:
    told, _ = codec.decode(with_claim(status=status))
    assert told.claims[0].status == status
    assert told.claims[0].answered == (status in {"1", "2", "3", "4", "19", "20", "21"})
    assert told.claims[0].reverses == (status == "22")


def test_without_its_own_field_the_patients_part_is_what_the_adjustments_say() -> None:
    claim = msgspec.json.decode(with_claim(adjustments=[{"group": "PR", "reason": "1", "amount": "30.00"}]))
    del claim["claims"][0]["patient_responsibility"]
    told, _ = codec.decode(msgspec.json.encode(claim))
    assert told.claims[0].patient_responsibility == usd("30.00")


@pytest.mark.parametrize("status", ["22", "23", "25", "5"])
def test_of_what_is_not_booked_as_told_only_the_money_must_add_up(status: str) -> None:
    odd = a_claim("A", status=status, paid="-20.00", patient="0.00", **{"PR-1": "-7.00"})
    assert wrong(a_remittance("A", odd)) == []
    told = msgspec.structs.replace(a_remittance("A", odd), deposit=usd("0.00"))
    assert wrong(told) == ["0.00 USD deposited, -20.00 USD by its claims and adjustments"]


NAME = "Zebedee Quillfeather 1950"


def test_what_could_be_a_name_in_a_number_s_place_is_refused_and_not_shown() -> None:
    for place in ("number", "provider_adjustments"):
        document = msgspec.json.decode(codec.EXAMPLE)
        if place == "number":
            document[place] = NAME
        else:
            document[place][0]["reason"] = NAME
        with pytest.raises(codec.Unreadable) as caught:
            codec.decode(msgspec.json.encode(document))
        assert NAME not in str(caught.value)
        assert f"$.{place}" in str(caught.value)


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
    assert wrong(a_remittance("A", *claims)) == []
