"""What the hub and a seat host say to each other: one JSON object a line, each way.

    {"verb": "start", "order": {...}}    ->  {"ok": true, "started": {"pid": 1, ...}}
    {"verb": "stop", "username": "ada"}  ->  {"ok": false, "kind": "...", "message": "..."}

One request per connection, over a Unix socket that only root may open. Python's own library
is all that is needed here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from provisioning.errors import WorkshopError

#: Longer lines are refused: an order with its environment takes about 10 kB.
LONGEST_LINE = 1024 * 1024

Noun = TypeVar("Noun")


class SeatHostError(WorkshopError):
    """A seat host refused, or did not answer. `kind` says which, for programs."""

    def __init__(self, kind: str, message: str, *, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.kind = kind


@dataclass(frozen=True)
class SeatOrder:
    """Everything a seat host has to know about one seat. The environment holds its token.

    `home` is the seat's folder on the host. `gpu` is a number of the host's graphics cards,
    None for a seat without one. `command` starts another server than the warm one.
    """

    username: str
    uid: int
    port: int
    environment: Mapping[str, str] = field(repr=False)
    memory_bytes: int
    cpus: float
    processes: int
    home: Path
    gpu: int | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Started:
    """The server's process: its number on the host, and since when (clock ticks after boot)."""

    pid: int
    began: int
    warm: bool


@dataclass(frozen=True)
class SeatUse:
    """What a seat uses now. `out_of_memory` counts since the seat was started; `measured` is
    False where the host has no control groups and so can't know."""

    memory_bytes: int = 0
    cpu_seconds: float = 0.0
    processes: int = 0
    out_of_memory: int = 0
    measured: bool = False


@dataclass(frozen=True)
class SeatState:
    """One seat as its host sees it. `kernels` are those started warm that still run."""

    username: str
    running: bool
    port: int = 0
    uid: int = 0
    gpu: int | None = None
    started: Started | None = None
    kernels: int = 0
    use: SeatUse = SeatUse()


@dataclass(frozen=True)
class WarmState:
    """One warm process. `environment` is the identity of what it has imported; an ill one has
    `ill` say why, and seats are started plainly meanwhile."""

    name: str
    pid: int = 0
    age_seconds: float = 0.0
    memory_bytes: int = 0
    environment: str = ""
    ill: str = ""


@dataclass(frozen=True)
class Gpu:
    """One graphics card. Numbers that the driver doesn't tell are None."""

    index: int
    uuid: str = ""
    name: str = ""
    memory_bytes: int | None = None
    memory_used_bytes: int | None = None
    busy_percent: int | None = None


@dataclass(frozen=True)
class Health:
    """How the host is: load of the last minute, bytes free and in all."""

    hostname: str
    cores: int
    load: float
    memory_bytes: int
    memory_free_bytes: int
    disk_bytes: int
    disk_free_bytes: int
    uptime_seconds: float
    seats: int
    limits: str
    firewall: str
    warm: tuple[WarmState, ...] = ()
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True)
class HomeSize:
    """What a seat's home holds. `complete` is False when counting was cut short."""

    username: str
    bytes: int
    files: int
    complete: bool = True


def request_line(verb: str, **arguments: object) -> bytes:
    """One request as it goes over the socket. ValueError if it is too long."""
    return line({"verb": verb, **arguments})


def line(value: Mapping[str, object]) -> bytes:
    """A JSON object with its line end."""
    text = json.dumps(value, default=_plain, separators=(",", ":")).encode() + b"\n"
    if len(text) > LONGEST_LINE:
        raise ValueError(f"a line of {len(text)} bytes is too long for a seat host")
    return text


def answer(received: bytes) -> dict[str, Any]:
    """What a seat host answered. Raises: SeatHostError when it refused, or nonsense came."""
    try:
        said = json.loads(received)
        ok = said["ok"]
    except (ValueError, TypeError, KeyError):
        raise SeatHostError(
            "nonsense",
            "the seat host's answer could not be read; its seats go on",
            next_step="look at the log of workshop-seats on that host",
        ) from None
    if not ok:
        raise SeatHostError(
            str(said.get("kind", "failed")),
            str(said.get("message", "the seat host refused")),
            next_step=str(said.get("next_step", "")),
        )
    return dict(said)


def refusal(error: Exception) -> bytes:
    """The line for what went wrong."""
    kind = error.kind if isinstance(error, SeatHostError) else "failed"
    message = error.message if isinstance(error, WorkshopError) else f"{type(error).__name__}"
    next_step = error.next_step if isinstance(error, WorkshopError) else ""
    return line({"ok": False, "kind": kind, "message": message, "next_step": next_step})


def read_noun(noun: type[Noun], told: Mapping[str, Any]) -> Noun:
    """One of the nouns above from its JSON; fields that we don't know are passed over.

    Raises: SeatHostError when a field is missing.
    """
    fields = {each.name: each.type for each in dataclasses.fields(noun)}  # type: ignore[arg-type]
    try:
        return noun(**{name: _field(fields[name], told[name]) for name in fields if name in told})
    except (TypeError, ValueError, KeyError) as error:
        raise SeatHostError("nonsense", f"not a {noun.__name__}: {error}") from None


#: Fields that JSON can't tell apart from plainer ones, by how they are written above.
_NESTED: Mapping[str, type] = {
    "Started | None": Started,
    "SeatUse": SeatUse,
}
_NESTED_TUPLES: Mapping[str, type] = {
    "tuple[WarmState, ...]": WarmState,
    "tuple[Gpu, ...]": Gpu,
}


def _field(kind: object, value: Any) -> Any:
    match kind:
        case "Path":
            return Path(value)
        case "tuple[str, ...]":
            return tuple(str(part) for part in value)
        case str() if kind in _NESTED:
            return None if value is None else read_noun(_NESTED[kind], value)
        case str() if kind in _NESTED_TUPLES:
            return tuple(read_noun(_NESTED_TUPLES[kind], part) for part in value)
    return value


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")
