"""Deterministic ids: the same on every run and machine, different for different facts."""

import pytest

from suture.core.ids import external_name, fact_id


def test_a_fact_keeps_its_id_for_ever() -> None:
    assert str(fact_id("scheduling", "suture.appointment.completed.v1", "Appointment/4711", "3")) == (
        "73c23e10-9581-54ef-a876-ac841950b794"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "b"), ("ab",)), (("a", "b"), ("b", "a")), (("a", ""), ("a",)), (("ab", "c"), ("a", "bc"))],
)
def test_different_facts_have_different_ids(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert fact_id(*one) != fact_id(*other)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("4711", "invoice_4711"),
        ("A_b_9", "invoice_A_b_9"),
        ("x" * 52, "invoice_" + "x" * 52),
    ],
)
def test_plain_keys_stay_readable_in_names(key: str, name: str) -> None:
    assert external_name("invoice", key) == name


@pytest.mark.parametrize("key", ["a b", "a.b", "a-b", "Müller", "", " ", "x" * 53, "y" * 500, "'; --"])
def test_any_key_makes_a_name_that_outside_systems_accept(key: str) -> None:
    name = external_name("invoice", key)
    assert name.startswith("invoice_")
    assert len(name) <= 60
    assert name.replace("_", "").isascii()
    assert name.replace("_", "").isalnum()


def test_similar_keys_never_share_a_name() -> None:
    keys = ["a b", "a.b", "a-b", "a_b", "a  b", "x" * 60, "x" * 61, "x" * 62]
    assert len({external_name("invoice", key) for key in keys}) == len(keys)
