"""The small files that others write: the seat register, the grader's record, the fleet's facts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hub_config.backup.facts import read_backup_facts
from hub_config.fleet.moves import read_moves
from hub_config.seats import read_register
from hub_config.wall.facts import Copies, Fleet, Grading, Moved, Person
from hub_config.wall.host_facts import moment
from provisioning.deadline_timer import timer_deadline

_GRADING = TypeAdapter(Grading)


def read_people(seats: Path) -> tuple[Person, ...]:
    """Everybody who may log in. Raises WorkshopError when the register can't be read."""
    return tuple(
        Person(seat.username, seat.number, seat.name, seat.role == "attendee")
        for seat in read_register(seats).taken()
    )


def read_grading(course: Path) -> Grading | None:
    """What the grader that works as submissions come in says of itself; None without one."""
    try:
        return _GRADING.validate_json((course / "records" / "standing.json").read_bytes())
    except (OSError, ValidationError):
        return None


def read_course(grader_settings: Path) -> Mapping[str, Any]:
    """The course as the grader was told of it; empty before that."""
    try:
        told = json.loads(grader_settings.read_bytes())
        return dict(told["spec"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def read_fleet(file: Path) -> Fleet | None:
    """What `up` told the hub's host of money and time; None where it told nothing."""
    try:
        told = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(told, dict):
        return None
    unpriced = told.get("unpriced")
    return Fleet(
        hourly=_range(told.get("hourly_dollars")),
        spent=_range(told.get("spent_dollars")),
        at=moment(told.get("at")),
        deadline=moment(told.get("deadline")),
        unpriced=tuple(map(str, unpriced)) if isinstance(unpriced, list) else (),
    )


def own_deadline(timer: Path) -> datetime | None:
    """When this host ends itself, by its own timer: true also after `workshop extend`."""
    try:
        return timer_deadline(timer.read_text())
    except (OSError, ValueError):
        return None


def read_copies(hub_folder: Path) -> tuple[Copies, ...] | None:
    """Every seat's copies; None where nothing is copied."""
    told = read_backup_facts(hub_folder)
    if told is None:
        return None
    return tuple(
        Copies(username, seat.at, seat.over_quota, seat.largest_left_out, seat.problem)
        for username, seat in told.seats.items()
    )


def read_moved(hub_folder: Path) -> tuple[Moved, ...]:
    """Seats whose host was lost, and where they are now."""
    return tuple(
        Moved(
            username=each.username,
            lost=each.lost,
            to=each.to,
            state=each.state,
            copy_at=each.copy_at,
            done_at=each.done_at,
            problem=each.problem,
        )
        for each in read_moves(hub_folder).moves
    )


def _range(value: object) -> tuple[float, float] | None:
    """A number, or two of them."""
    match value:
        case bool():
            return None
        case int() | float():
            return float(value), float(value)
        case [int() | float() as low, int() | float() as high]:
            return float(low), float(high)
    return None
