"""User names: short, plain, and never one that a machine or a hub already knows."""

from __future__ import annotations

import re
import unicodedata

MOST_CHARACTERS = 24
PATTERN = re.compile(rf"[a-z][a-z0-9-]{{0,{MOST_CHARACTERS - 1}}}")

#: The seats of a rehearsal's robots.
ROBOT = re.compile(r"robot-\d{2,3}")

#: The seat that exists when the roster names no instructor.
INSTRUCTOR = "instructor"

_SYSTEM = """
    adm admin administrator backup bin daemon debian games gnats irc list lp mail man messagebus
    news nobody nogroup operator polkitd postgres proxy root sshd staff sudo sync sys systemd
    ubuntu user users uucp wheel www-data
"""
_OURS = """
    assistant assistants attendee attendees cull exchange formgrader grader hub idle-culler
    instructors jupyterhub nbgrader seat seats service services workshop
"""
RESERVED = frozenset((_SYSTEM + _OURS).split()) | {INSTRUCTOR}

#: Letters that don't fall apart into a base letter and an accent.
_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ł": "l",
        "ı": "i",
    }
)


def is_username(text: str) -> bool:
    return PATTERN.fullmatch(text) is not None


def is_reserved(name: str) -> bool:
    """Whether the machine, the hub or a rehearsal has that name for itself.

    Robots are removed with all their work, so nobody else may be called like one.
    """
    return name in RESERVED or ROBOT.fullmatch(name) is not None


def slug(text: str) -> str:
    """The user name nearest to the text, or "" when no letter or digit of it can be kept."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    unaccented = "".join(c for c in decomposed if not unicodedata.combining(c))
    name = re.sub(r"[^a-z0-9]+", "-", unaccented).strip("-")
    if name and not name[0].isalpha():
        name = "u" + name
    return name[:MOST_CHARACTERS].rstrip("-")


def numbered(name: str, taken: set[str]) -> str:
    """A free name like `ann-2`, to suggest instead of one that is taken."""
    number = 2
    while True:
        ending = f"-{number}"
        candidate = name[: MOST_CHARACTERS - len(ending)] + ending
        if candidate not in taken and not is_reserved(candidate):
            return candidate
        number += 1
