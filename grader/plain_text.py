"""Text that people and student code wrote, made fit for one line of a page or a table."""

from __future__ import annotations

import unicodedata

#: They reorder the text around them, far beyond a name's own end.
BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def readable(text: str) -> str:
    """The text without what disturbs its surroundings: controls, stray halves, reordering."""
    return text if text.isprintable() else "".join(map(_readable, text))


def first_line(text: str, longest: int = 160) -> str:
    """The first line that says anything, without runs of blanks, cut to a length for reading."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    line = next((line for line in lines if line), "")
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _readable(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cs":
        return "\ufffd"
    if category == "Cc":
        return " "
    return "" if char in BIDI_CONTROLS else char
