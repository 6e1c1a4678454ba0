"""Which home a seat's copies are of, as the hub's host remembers it; see seat_home.py."""

from __future__ import annotations

import secrets

from pydantic import BaseModel, ConfigDict, ValidationError

from hub_config.backup.snapshots import Shelf
from provisioning.folders import write_atomically


class Marks(BaseModel):
    """`mark`: the home that is copied. `bringing`: one that is being brought to another host;
    from the moment in which it stands there it is the one that counts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    mark: str = ""
    bringing: str = ""

    @property
    def known(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.bringing, self.mark)))


def read_marks(shelf: Shelf) -> Marks:
    try:
        return Marks.model_validate_json((shelf.folder / "home.json").read_bytes())
    except (FileNotFoundError, ValidationError):
        return Marks()


def write_marks(shelf: Shelf, marks: Marks) -> Marks:
    write_atomically(shelf.folder / "home.json", marks.model_dump_json().encode(), mode=0o600)
    return marks


def ensure_marks(shelf: Shelf) -> Marks:
    """A mark is made before any home has it: killed in between, the next one finds it here."""
    found = read_marks(shelf)
    return found if found.known else write_marks(shelf, Marks(mark=new_mark()))


def new_mark() -> str:
    return secrets.token_hex(8)
