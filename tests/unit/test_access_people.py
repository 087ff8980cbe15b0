"""Passwords, one-time codes and roles."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from suture.access import passwords, totp
from suture.access.roles import OF_PEOPLE, ROLES, may, who_may
from suture.commands.table import COMMANDS

NOW = datetime(2026, 3, 2, 15, 0, 10, tzinfo=UTC)


def test_a_password_is_known_by_its_hash_alone() -> None:
    hashed = passwords.hashed("a few words that do well")
    assert hashed.startswith("$argon2id$")
    assert passwords.verify("a few words that do well", hashed)
    assert not passwords.verify("a few words that do not", hashed)
    assert not passwords.is_outdated(hashed)
    assert passwords.is_outdated("$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA")


@pytest.mark.parametrize("known", [None, "", "not a hash"])
def test_who_has_no_password_signs_in_by_none(known: str | None) -> None:
    assert not passwords.verify("nobody's", known)


@pytest.mark.parametrize(
    "password",
    [
        *("short", "benjamin benjamin", "aaaaaaaaaaaaaa", "x" * 201, "password1234", "qwertyuiop12", "123456789012"),
        *("Harbour Clinics 2026", "harbour-clinics", "suture suture suture", "Benjamin2026!", "            "),
    ],
)
def test_what_is_easily_guessed_is_no_password(password: str) -> None:
    with pytest.raises(passwords.WeakPassword):
        passwords.check(password, "benjamin", "Harbour Clinics", "harbour-clinics")


@pytest.mark.parametrize("password", ["a few words that do well", "correct horse battery", "Übergänge bei Nacht"])
def test_a_few_words_do_well(password: str) -> None:
    passwords.check(password, "benjamin", "Harbour Clinics", "harbour-clinics")


def test_a_code_counts_now_and_a_step_to_either_side() -> None:
    secret = totp.new_secret()
    code, step = pyotp.TOTP(secret).at(NOW), int(NOW.timestamp()) // 30
    for moved in (-30, 0, 30):
        assert totp.step_of(secret, code, NOW + timedelta(seconds=moved)) == step
    assert totp.step_of(secret, code, NOW + timedelta(seconds=90)) is None
    assert totp.step_of(secret, "not a code", NOW) is None


def test_an_app_scans_who_and_where() -> None:
    address = totp.uri(totp.new_secret(), "ada", "Harbour Clinics")
    assert address.startswith("otpauth://totp/Suture")
    assert totp.picture(address).startswith("data:image/svg+xml")


def test_every_command_can_be_done_by_a_role_besides_the_administrator_or_is_about_access() -> None:
    for name, command in COMMANDS.items():
        for act in command.acts:
            assert who_may(act), act
            about_access = name.startswith(("people.", "clients.", "visits."))
            assert about_access == (who_may(act) == ["administrator"]), name


def test_every_act_of_a_role_is_known_by_its_name() -> None:
    assert may(["administrator"], "anything.at_all")
    assert not may(["auditor"], "exception.discard")
    assert not may(["a role of yesterday"], "exception.discard")
    assert set(OF_PEOPLE) == set(ROLES) - {"client"}
