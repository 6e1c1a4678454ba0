"""What a rehearsal found: times per stage, troubles in groups, and whether it is red or green."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub_config.rehearsal.journey import Journey
from hub_config.rehearsal.load import Load
from hub_config.rehearsal.troubles import Trouble
from hub_config.rehearsal.visits import CELL, FEEDBACK, STAGES

#: From the seat code to the output of the first cell: what a person calls "it works".
TO_FIRST_CELL = "code to first cell"


@dataclass(frozen=True)
class StageTimes:
    """One stage over all robots that came through it, in seconds."""

    stage: str
    robots: int
    p50: float
    p95: float
    slowest: float


@dataclass(frozen=True)
class RobotsCost:
    """What the robots themselves used: not the hub's, not the seats'."""

    cpu_seconds: float
    #: Of one core, while they were there.
    cores: float
    megabytes: float


@dataclass(frozen=True)
class Setting:
    """How it was rehearsed."""

    workshop: str
    address: str
    began: datetime
    seats: int
    #: Seconds over which they arrived.
    over: float
    #: Whether their servers were started before they came.
    started_before: bool
    lab: str
    #: The longest that 95 of 100 may wait from the code to the first cell, in seconds.
    patience: float


@dataclass(frozen=True)
class Outcome:
    setting: Setting
    seconds: float
    stages: tuple[StageTimes, ...]
    to_first_cell: StageTimes | None
    slowest_stage: str
    troubles: tuple[Trouble, ...]
    server_errors: int
    devices: tuple[tuple[str, int], ...]
    load: Load
    robots: RobotsCost
    advice: tuple[str, ...] = ()
    #: Robots of which something is still there.
    left: tuple[str, ...] = ()

    @property
    def in_time(self) -> bool:
        found = self.to_first_cell
        return found is not None and found.p95 <= self.setting.patience

    @property
    def green(self) -> bool:
        return self.in_time and not (self.troubles or self.server_errors or self.left)

    @property
    def stuck(self) -> int:
        return sum(trouble.count for trouble in self.troubles)


def stage_times(journeys: Sequence[Journey]) -> tuple[StageTimes, ...]:
    """In the order in which they happen."""
    found = []
    for stage in STAGES:
        seconds = [each.seconds for one in journeys for each in one.steps if each.name == stage]
        if seconds:
            found.append(times_of(stage, seconds))
    return tuple(found)


def to_first_cell(journeys: Iterable[Journey]) -> StageTimes | None:
    """From the code to the first cell; None when nobody came so far."""
    seconds = [until for each in journeys if (until := each.until(CELL)) is not None]
    return times_of(TO_FIRST_CELL, seconds) if seconds else None


def slowest(stages: Iterable[StageTimes]) -> str:
    """The stage with the largest p95. Grading has its own pace, so feedback is left out."""
    waited = [stage for stage in stages if stage.stage != FEEDBACK]
    return max(waited, key=lambda stage: stage.p95).stage if waited else ""


def times_of(stage: str, seconds: Sequence[float]) -> StageTimes:
    return StageTimes(
        stage,
        len(seconds),
        percentile(seconds, 0.5),
        percentile(seconds, 0.95),
        max(seconds),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
