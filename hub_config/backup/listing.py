"""What a seat's host answered when it was asked what there is to copy."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub_config.backup.errors import CopyFailed

PROGRAM = Path(__file__).with_name("what_to_copy.py")
#: SQLite keeps a database in several files; half of one is none.
_DATABASES = (b".db", b".sqlite", b".sqlite3")
_BESIDE_DATABASES = (b"-wal", b"-shm", b"-journal")


@dataclass(frozen=True)
class Limits:
    """What is copied of one home at most, and how long looking at it may take."""

    bytes: int
    files: int = 50_000
    entries: int = 100_000
    seconds: int = 20


class Found(BaseModel):
    """What there is in a home; see what_to_copy.py. `files` and `bytes` are to be copied."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    files: int = Field(ge=0)
    bytes: int = Field(ge=0)
    left_out_files: int = Field(ge=0)
    left_out_bytes: int = Field(ge=0)
    largest_left_out: tuple[str, ...] = Field(max_length=10)
    unreadable: int = Field(ge=0)
    special: int = Field(ge=0)
    #: Looking took too long, or found too much: there is more than this.
    unfinished: bool

    @property
    def over_quota(self) -> bool:
        return self.left_out_files > 0 or self.unfinished


@dataclass(frozen=True)
class Listing:
    """What is to be copied, as `records`: NAME with its size, times and inode. All are bytes
    that an attendee may have chosen; they are compared and passed on, nothing else."""

    found: Found
    records: frozenset[bytes]

    @property
    def digest(self) -> str:
        """The same for a home in which nothing has changed."""
        return hashlib.sha256(b"\0".join(sorted(self.records))).hexdigest()

    def names(self) -> bytes:
        """For `rsync --files-from --from0`."""
        return _names(self.records)

    def moving(self, earlier: Listing) -> bytes:
        """Names, each with a zero byte, of what must not be torn and has changed since
        `earlier`: notebooks, and databases of which any file has changed."""
        changed = (_name(record) for record in self.records ^ earlier.records)
        whole = {name if name.endswith(b".ipynb") else _database(name) for name in changed}
        return b"".join(name + b"\0" for name in sorted(filter(None, whole)))


def read_listing(said: bytes) -> Listing:
    """The answer of what_to_copy.py. CopyFailed for anything else."""
    first, newline, rest = said.partition(b"\n")
    records = frozenset(rest.split(b"\0")) - {b""}
    try:
        found = Found.model_validate_json(first)
        complete = bool(newline) and not rest[-1:].strip(b"\0")
        if not complete or any(len(record.split(b" ", 4)) < 5 for record in records):
            raise ValueError("it ends too early")
    except (ValidationError, ValueError) as error:
        raise CopyFailed("what it says of the home can't be understood") from error
    return Listing(found, records)


def _name(record: bytes) -> bytes:
    return record.split(b" ", 4)[4]


def _names(records: Iterable[bytes]) -> bytes:
    return b"".join(sorted(_name(record) + b"\0" for record in records))


def _database(name: bytes) -> bytes | None:
    """The database that a file belongs to, by its name; None for any other file."""
    for ending in _BESIDE_DATABASES:
        if name.endswith(ending):
            return name.removesuffix(ending)
    return name if name.endswith(_DATABASES) else None
