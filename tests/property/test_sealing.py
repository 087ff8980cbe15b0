"""Sealing: what was sealed opens for what it belongs to, under its own keys, unchanged; or not at all."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.store.sealing import DataKey, MasterKey, SealBroken, Sealed

KEY, OTHER = DataKey(1, "2026-03", b"k" * 32), DataKey(1, "2026-03", b"o" * 32)


@given(content=st.binary(), bound_to=st.text())
def test_a_round_trip_changes_nothing_and_shows_nothing(content: bytes, bound_to: str) -> None:
    sealed = KEY.seal(content, bound_to)
    assert KEY.open(sealed, bound_to) == content
    assert sealed.box != KEY.seal(content, bound_to).box
    assert len(content) < 8 or content not in sealed.box


@given(content=st.binary(), bound_to=st.text(), other=st.text())
def test_a_box_opens_only_where_it_belongs(content: bytes, bound_to: str, other: str) -> None:
    if bound_to != other:
        with pytest.raises(SealBroken):
            KEY.open(KEY.seal(content, bound_to), other)
    with pytest.raises(SealBroken):
        OTHER.open(KEY.seal(content, bound_to), bound_to)


@given(content=st.binary(), place=st.integers(0), mask=st.integers(1, 255))
def test_a_changed_byte_is_noticed(content: bytes, place: int, mask: int) -> None:
    box = bytearray(KEY.seal(content, "here").box)
    box[place % len(box)] ^= mask
    with pytest.raises(SealBroken):
        KEY.open(Sealed(1, bytes(box)), "here")


@given(box=st.binary(max_size=60))
def test_any_bytes_are_refused(box: bytes) -> None:
    with pytest.raises(SealBroken):
        KEY.open(Sealed(1, box), "here")


def test_data_keys_open_only_with_the_master_key_that_wrapped_them() -> None:
    master, other = MasterKey(os.urandom(32)), MasterKey(os.urandom(32))
    wrapped = master.new_wrapped()
    assert len(master.unwrap(wrapped)) == 32
    for keyring, broken in ((other, wrapped), (master, b""), (master, wrapped[:-1])):
        with pytest.raises(SealBroken):
            keyring.unwrap(broken)


@given(one=st.binary(), other=st.binary())
def test_fingerprints_recognise_equal_contents_under_one_master_key(one: bytes, other: bytes) -> None:
    master = MasterKey(b"k" * 32)
    assert (master.fingerprint(one) == master.fingerprint(other)) == (one == other)
    assert master.fingerprint(one) != MasterKey(b"o" * 32).fingerprint(one)
