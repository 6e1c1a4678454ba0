"""Which file names an archive may hold."""

from __future__ import annotations

import unicodedata

from hub_config.exchange.errors import BadArchive

MAX_NAME_BYTES = 1000
_MAX_PART_BYTES = 255
_MAX_DEPTH = 16
# Characters that turn the direction of text, so that a name reads as another.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_name(name: str) -> None:
    """Refuse a name that could land elsewhere or deceive whoever reads it."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise BadArchive(f"The archive has a path that leaves its folder: {name!r}.")
    odd = "\\" in name or any(
        c in _TURNING or unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name
    )
    if odd:
        raise BadArchive(
            f"The archive has a file name with characters that can't be used: {name!r}.",
            next_step="Rename the file with letters, digits, blanks, dots, dashes.",
        )
    encoded = name.encode()
    longest = max(len(part.encode()) for part in parts)
    if len(encoded) > MAX_NAME_BYTES or longest > _MAX_PART_BYTES or len(parts) > _MAX_DEPTH:
        raise BadArchive(
            f"The archive has a file name that is too long or too deep: {name[:80]!r}...",
            next_step="Rename the file or move it up.",
        )
