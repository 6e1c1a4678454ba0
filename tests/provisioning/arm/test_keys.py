"""A seat's key opens the machine for this seat, and is no help in making another one."""

from __future__ import annotations

import pytest

from provisioning.arm.keys import seat_key, seat_of

SECRET = "what only the machine knows"


@pytest.mark.parametrize("name", ["ada", "ada.lovelace", "a-2", "_g"])
def test_a_key_says_whose_it_is(name):
    assert seat_of(SECRET, seat_key(SECRET, name)) == name


def test_a_key_with_another_name_on_it_is_refused():
    proof = seat_key(SECRET, "ada").rpartition(".")[2]
    assert seat_of(SECRET, f"grace.{proof}") is None


@pytest.mark.parametrize("key", ["", ".", "ada", "ada.", SECRET, "ada." + "0" * 64, "ä.é"])
def test_what_we_never_gave_is_refused(key):
    assert seat_of(SECRET, key) is None


def test_a_machine_without_a_secret_lets_nobody_in():
    assert seat_of("", "ada." + "0" * 64) is None
    with pytest.raises(ValueError, match="no keys"):
        seat_key("", "ada")


def test_keys_of_another_workshop_are_refused():
    assert seat_of("another secret", seat_key(SECRET, "ada")) is None
