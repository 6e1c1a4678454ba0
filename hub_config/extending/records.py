"""What staff wish, as the wall writes it; and what came of it, as the program writes it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from provisioning.folders import write_atomically

#: What one press of the button gives.
STEP: Final = timedelta(minutes=30)
#: Why a host has its old time while nothing has gone wrong.
NOT_YET: Final = "it is being told"
#: The wall's service writes there what root reads: longer texts are none of its.
_MOST_BYTES = 4096


@dataclass(frozen=True)
class Wish:
    """One press of the button. `deadline` is what the wall showed then: two people who press at
    the same time wish the same."""

    id: str
    by: str
    at: datetime
    deadline: datetime


@dataclass(frozen=True)
class Extension:
    """What came of a wish. Without `deadline` nothing was moved, and `problem` says why.

    `behind` are hosts that still end at their old time, each with the reason.
    """

    wish: Wish
    done_at: datetime
    deadline: datetime | None = None
    behind: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Extensions:
    """All of a workshop's, the oldest first."""

    extensions: tuple[Extension, ...] = ()

    @property
    def newest(self) -> Extension | None:
        return self.extensions[-1] if self.extensions else None

    @property
    def given(self) -> timedelta:
        """How much longer the class goes on already."""
        return STEP * sum(each.deadline is not None for each in self.extensions)

    @property
    def granted(self) -> Extension | None:
        """The newest that moved the deadline."""
        return next((each for each in reversed(self.extensions) if each.deadline), None)

    def answer_to(self, wish: Wish) -> Extension | None:
        """What came of it, or of the same wish of somebody who was faster."""
        wanted = wish.deadline + STEP
        own = (each for each in self.extensions if each.wish.id == wish.id)
        same = (each for each in self.extensions if each.deadline == wanted)
        return next(own, None) or next(same, None)

    def with_one(self, extension: Extension) -> Extensions:
        """The same, and this one in place of an earlier word on the same wish."""
        known = {each.wish.id: each for each in (*self.extensions, extension)}
        return Extensions(tuple(known.values()))


_WISH = TypeAdapter(Wish)
_EXTENSIONS = TypeAdapter(Extensions)


def wish_file(desk: Path) -> Path:
    """In the folder of the wall's service; see hub_config.wall.config.desk_folder."""
    return desk / "extend.json"


def extensions_file(hub_folder: Path) -> Path:
    return hub_folder / "extensions.json"


def read_wish(file: Path) -> Wish | None:
    """None when nobody has wished. The file's folder is another account's: root follows no link
    there, and waits for no pipe."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        wish = _WISH.validate_json(os.read(descriptor, _MOST_BYTES))
    except (OSError, ValidationError):
        return None
    finally:
        os.close(descriptor)
    return wish if wish.at.tzinfo and wish.deadline.tzinfo else None


def read_extensions(hub_folder: Path) -> Extensions:
    """None at all where there is no file."""
    try:
        return _EXTENSIONS.validate_json(extensions_file(hub_folder).read_bytes())
    except (FileNotFoundError, ValidationError):
        return Extensions()


def write_extensions(hub_folder: Path, extensions: Extensions) -> None:
    content = _EXTENSIONS.dump_json(extensions, indent=1) + b"\n"
    write_atomically(extensions_file(hub_folder), content, mode=0o600)
