"""Seat codes: `07-KXRD-MPQV`. The number names the seat, the eight letters are its secret.

Forty random bits: a guesser who tries ten codes a second for a day finds one of
300 seats once in four thousand days, and the hub's throttle allows far less.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass, field

#: Crockford's base 32: no I, L, O or U, so that a code reads the same on paper and screen.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SECRET_CHARACTERS = 8
EXAMPLE = "07-KXRD-MPQV"

_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})
_MOST_TYPED = 64


@dataclass(frozen=True)
class SeatCode:
    """A code in clear. It is shown once and never stored, so it hides from repr and logs."""

    number: int
    secret: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.number:02d}-{self.secret[:4]}-{self.secret[4:]}"


def make_code(number: int) -> SeatCode:
    return SeatCode(number, "".join(secrets.choice(ALPHABET) for _ in range(SECRET_CHARACTERS)))


def parse_code(typed: str) -> SeatCode | None:
    """What a person typed: case, spaces and dashes don't matter, O is 0, I and L are 1."""
    if len(typed) > _MOST_TYPED:
        return None
    plain = unicodedata.normalize("NFKC", typed).upper()
    letters = re.sub(r"[\W_]", "", plain).translate(_MISREAD)
    number, secret = letters[:-SECRET_CHARACTERS], letters[-SECRET_CHARACTERS:]
    if not re.fullmatch(r"0*[1-9][0-9]{0,3}", number) or not set(secret) <= set(ALPHABET):
        return None
    return SeatCode(int(number), secret)


@dataclass(frozen=True)
class CodeHash:
    """A salted scrypt hash of a secret, with the cost it was made with."""

    salt: str
    digest: str = field(repr=False)
    n: int = 2**14
    r: int = 8
    p: int = 1

    def matches(self, secret: str) -> bool:
        made = _scrypt(secret, bytes.fromhex(self.salt), self.n, self.r, self.p)
        return hmac.compare_digest(made, bytes.fromhex(self.digest))


def hash_code(code: SeatCode) -> CodeHash:
    salt = secrets.token_bytes(16)
    unfilled = CodeHash(salt.hex(), "")
    digest = _scrypt(code.secret, salt, unfilled.n, unfilled.r, unfilled.p)
    return CodeHash(salt.hex(), digest.hex())


def _scrypt(secret: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    memory = 128 * r * (n + p + 2)
    return hashlib.scrypt(secret.encode(), salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=32)


#: Compared when a seat is unknown, so that the answer takes as long as for a known one.
#: Nothing hashes to zeros.
NOBODY = CodeHash("00" * 16, "00" * 32)
