"""The roster, a CSV file typed by tired people, as a tuple of people.

Every mistake is one message that names the line, what was found and what to write.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hub_config.people import ROLES, Person, Role, with_instructor
from hub_config.roster_table import Row, read_table
from hub_config.usernames import (
    INSTRUCTOR,
    MOST_CHARACTERS,
    is_reserved,
    is_username,
    numbered,
    slug,
)
from provisioning.errors import BadInput, Place
from provisioning.spec_file import describe, nearest
from provisioning.text_file import read_text

__all__ = ("MOST_PEOPLE", "Person", "read_roster")

MOST_PEOPLE = 300
MOST_NAME_CHARACTERS = 120
MOST_EMAIL_CHARACTERS = 254
MOST_BYTES = 1024 * 1024

_EMAIL = re.compile(r"[\w!#$%&'*/?^`{|}~][\w.!#$%&'*/?^`{|}~+-]*@[\w-]+(\.[\w-]+)+")
#: A spreadsheet takes a cell that begins so for a formula. No name begins so.
_FORMULA = ("=", "+", "-", "@")
#: Also the ones that word processors put between first and last name.
_SPACES = re.compile("[ \u00a0\u202f]+")
#: Joiners that Persian and Indian names are written with; other invisible characters deceive.
_JOINERS = "\u200c\u200d"


def is_email(text: str) -> bool:
    """Whether the roster would take it."""
    return len(text) <= MOST_EMAIL_CHARACTERS and _EMAIL.fullmatch(text) is not None


def read_roster(path: Path) -> tuple[Person, ...]:
    """Everybody in the file, and the seat `instructor` if it names no instructor."""
    rows = read_table(path, read_text(path, most_bytes=MOST_BYTES))
    if len(rows) > MOST_PEOPLE:
        found = f"found {len(rows)} people"
        write = f"write at most {MOST_PEOPLE}; hold two workshops for more"
        raise BadInput(Place(path, rows[MOST_PEOPLE].line), found, write)
    people = [_Reader(path, row).person() for row in rows]
    _refuse_doubles(path, people)
    return with_instructor(people)


@dataclass(frozen=True)
class _Reader:
    """Reads one row; `_bad` says what is wrong with it."""

    path: Path
    row: Row

    def person(self) -> Person:
        email = self._email()
        name = self._name()
        role = self._role()
        return Person(name, email, role, self._username(email, role), self.row.line)

    def _bad(self, column: str, found: str, write: str) -> BadInput:
        return BadInput(Place(self.path, self.row.line, column), found, write)

    def _name(self) -> str:
        name = unicodedata.normalize("NFC", _SPACES.sub(" ", self.row.cell("name")))
        if not name:
            raise self._bad("name", "found nothing", "write the person's name")
        self._refuse_invisible("name", name)
        if len(name) > MOST_NAME_CHARACTERS:
            found = f"found {len(name)} characters"
            raise self._bad("name", found, f"write at most {MOST_NAME_CHARACTERS}")
        if unicodedata.normalize("NFKC", name).lstrip().startswith(_FORMULA):
            found = f"found {describe(name)}, which a spreadsheet takes for a formula"
            raise self._bad("name", found, "write a name that begins with a letter")
        return name

    def _email(self) -> str:
        email = unicodedata.normalize("NFC", self.row.cell("email"))
        if not email:
            raise self._bad("email", "found nothing", "write the person's e-mail address")
        self._refuse_invisible("email", email)
        if len(email) > MOST_EMAIL_CHARACTERS:
            found = f"found {len(email)} characters"
            raise self._bad("email", found, f"write at most {MOST_EMAIL_CHARACTERS}")
        if not _EMAIL.fullmatch(email):
            write = "write an e-mail address, such as ann@example.org"
            raise self._bad("email", f"found {describe(email)}", write)
        return email

    def _role(self) -> Role:
        written = self.row.cell("role").casefold() or "attendee"
        for role in ROLES:
            if written == role:
                return role
        meant = nearest(written, ROLES)
        write = f"write {meant}" if meant else "write attendee, assistant or instructor"
        raise self._bad("role", f"found {describe(self.row.cell('role'))}", write)

    def _username(self, email: str, role: Role) -> str:
        """The name in the column `username`, else one made of the e-mail address."""
        written = self.row.cell("username")
        if written and not is_username(written):
            shape = f"at most {MOST_CHARACTERS} of a-z, 0-9 and -, beginning with a letter"
            example = f", such as {slug(written)}" if slug(written) else ""
            raise self._bad("username", f"found {describe(written)}", f"write {shape}{example}")
        username = written or slug(email.partition("@")[0])
        if not username:
            found = f"found {describe(email)}, which gives no user name"
            raise self._bad("email", found, "add a column `username` and write one there")
        if is_reserved(username) and not (username == INSTRUCTOR and role == "instructor"):
            found = f'found the reserved user name "{username}"'
            write = f"write another one in a column `username`, such as {numbered(username, set())}"
            raise self._bad("username" if written else "email", found, write)
        return username

    def _refuse_invisible(self, column: str, text: str) -> None:
        """Control characters and marks that turn the writing direction; all of category C."""
        for character in text:
            category = unicodedata.category(character)
            if category.startswith(("C", "Zl", "Zp")) and character not in _JOINERS:
                found = f"found the invisible character U+{ord(character):04X}"
                raise self._bad(column, found, "type the text again instead of pasting it")


def _refuse_doubles(path: Path, people: Iterable[Person]) -> None:
    by_email: dict[str, Person] = {}
    by_username: dict[str, Person] = {}
    for person in people:
        first = by_email.setdefault(person.email.casefold(), person)
        if first is not person:
            found = f'found "{person.email}" again; it is already in line {first.line}'
            raise BadInput(Place(path, person.line, "email"), found, "remove one of the two lines")
        first = by_username.setdefault(person.username, person)
        if first is not person:
            found = (
                f'found "{person.email}", which gives the user name "{person.username}"'
                f' like "{first.email}" in line {first.line}'
            )
            other = numbered(person.username, set(by_username))
            write = f"write another one in a column `username`, such as {other}"
            raise BadInput(Place(path, person.line, "username"), found, write)
