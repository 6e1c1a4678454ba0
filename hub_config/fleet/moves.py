"""Who had to move because a host was lost: written while it happens, read by the pages that
attendees see and by the wall."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from provisioning.folders import locked, write_atomically

#: `failed`: the copy could not be brought; it is tried again.
State = Literal["restoring", "moved", "failed"]


@dataclass(frozen=True)
class Move:
    """One seat's way from the host that was lost. `copy_at`: work up to then is back; None:
    there was no copy. `lost` and `to` are the same for a host that was replaced in its place."""

    username: str
    lost: str
    to: str
    noticed_at: datetime
    state: State = "restoring"
    copy_at: datetime | None = None
    done_at: datetime | None = None
    problem: str = ""


@dataclass(frozen=True)
class Moves:
    """The latest move of each seat."""

    moves: tuple[Move, ...] = field(default=())

    def of(self, username: str) -> Move | None:
        return next((each for each in self.moves if each.username == username), None)

    def with_moves(self, changed: Iterable[Move]) -> Moves:
        """The same, and these instead of earlier ones of the same seats."""
        new = {each.username: each for each in changed}
        kept = tuple(each for each in self.moves if each.username not in new)
        return Moves((*kept, *new.values()))

    def without(self, username: str) -> Moves:
        return Moves(tuple(each for each in self.moves if each.username != username))


_FILE = TypeAdapter(Moves)


def moves_file(hub_folder: Path) -> Path:
    return hub_folder / "moves.json"


def read_moves(hub_folder: Path) -> Moves:
    """None at all where there is no file."""
    try:
        return _FILE.validate_json(moves_file(hub_folder).read_bytes())
    except (FileNotFoundError, ValidationError):
        return Moves()


def change_moves(hub_folder: Path, change: Callable[[Moves], Moves]) -> Moves:
    """Read, change and replace the file, one after the other; returns what it says now."""
    with locked(hub_folder / ".moves.lock"):
        moves = change(read_moves(hub_folder))
        content = _FILE.dump_json(moves, indent=1) + b"\n"
        write_atomically(moves_file(hub_folder), content, mode=0o600)
        return moves
