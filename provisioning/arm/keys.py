"""A seat's key to the Arm machine: its name, and proof that we gave it to this seat.

The machine knows one secret and no list of seats. Nobody can make another seat's key from his
own, so turns can be told apart by seat.
"""

from __future__ import annotations

import hashlib
import hmac

_PURPOSE = b"workshop arm machine: "


def seat_key(secret: str, username: str) -> str:
    """What the seat of `username` shows. Empty secrets make no keys."""
    if not secret:
        raise ValueError("a machine without a secret has no keys")
    proof = hmac.new(secret.encode(), _PURPOSE + username.encode(), hashlib.sha256)
    return f"{username}.{proof.hexdigest()}"


def seat_of(secret: str, key: str) -> str | None:
    """Whose key this is; None if we never gave it."""
    username, _, _ = key.rpartition(".")
    good = bool(secret and username) and hmac.compare_digest(
        seat_key(secret, username).encode(), key.encode()
    )
    return username if good else None
