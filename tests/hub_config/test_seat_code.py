"""Seat codes survive sloppy typing, and nothing but the code opens its seat."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_config.seat_code import (
    ALPHABET,
    NOBODY,
    SeatCode,
    hash_code,
    make_code,
    parse_code,
)

SECRETS = st.text(st.sampled_from(ALPHABET), min_size=8, max_size=8)
NUMBERS = st.integers(1, 999)


def sloppily(text: str, seed: int) -> str:
    """As a person types it: any case, misread letters, separators anywhere."""
    chance = random.Random(seed)
    misread = {"0": "0Oo", "1": "1IilL"}
    typed = ""
    for letter in text.replace("-", ""):
        letter = chance.choice(misread.get(letter, letter))
        typed += chance.choice([letter, letter.lower(), letter.upper()])
        typed += chance.choice(["", "", "", " ", "-", "–", "\t", "_", ". "])
    return chance.choice(["", " "]) + typed


@given(NUMBERS, SECRETS, st.integers())
def test_sloppy_typing_reads_as_the_code(number: int, secret: str, seed: int) -> None:
    code = SeatCode(number, secret)
    assert parse_code(str(code)) == code
    assert parse_code(sloppily(str(code), seed)) == code


@given(st.text(max_size=80))
def test_any_text_is_a_code_or_none(text: str) -> None:
    code = parse_code(text)
    assert code is None or parse_code(str(code)) == code


@pytest.mark.parametrize(
    "text", ["", "7", "KXRD-MPQV", "07-KXRD-MPQ", "07-KXRD-MPQU", "x7-KXRD-MPQV", "7" * 65]
)
def test_what_is_no_code_is_refused(text: str) -> None:
    assert parse_code(text) is None


def test_codes_are_random_and_have_no_letter_that_is_misread() -> None:
    codes = {make_code(7).secret for _ in range(2000)}
    assert len(codes) == 2000
    letters = set("".join(codes))
    assert letters == set(ALPHABET)
    assert not letters & set("ILOU")


def test_a_code_hides_from_logs() -> None:
    assert "KXRDMPQV" not in repr(SeatCode(7, "KXRDMPQV"))


def test_a_hash_matches_its_code_only_and_is_salted() -> None:
    code = SeatCode(7, "KXRDMPQV")
    first, second = hash_code(code), hash_code(code)
    assert first.digest != second.digest
    assert first.matches(code.secret)
    assert not first.matches("KXRDMPQW")
    assert not NOBODY.matches(code.secret)
    assert (first.n, first.r, first.p) == (2**14, 8, 1)
