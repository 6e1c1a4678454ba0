"""Text that people typed, as one line that can be shown anywhere."""

from __future__ import annotations

import unicodedata

#: Control characters, and those that turn the direction of what follows.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain_line(text: str, most: int) -> str:
    """One line of at most `most` characters, without anything that a reader can't see.

    The joiner that holds composed signs together stays: some people's names need it.
    """
    seen = (
        each if each == "\u200d" or unicodedata.category(each) not in _UNSEEN else " "
        for each in text[: 8 * most]
    )
    line = " ".join("".join(seen).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
