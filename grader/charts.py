"""Where the marks of the report's drawings go. Templates turn these into SVG.

Horizontal positions are percentages of the drawing's width, so that a drawing grows and shrinks
with the screen while its text stays readable. Vertical positions are pixels, downwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from grader.figures import ExerciseFigures, LabFigures
from grader.grid import Outcome, in_utc

BINS = 10
HISTOGRAM_HEIGHT = 120.0
#: Up to this many in a bin each attendee is drawn as a block of their own.
MOST_BLOCKS = 12
BLOCK_GAP = 2.0

STRIP_HEIGHT = 56.0
MOST_TICKS = 6
#: The distances between ticks that people can count in.
TICK_STEPS = tuple(
    timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)
)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Block:
    y: float
    height: float


@dataclass(frozen=True)
class Bin:
    """One column of a histogram: the attendees with `low` to `high` per cent of the points."""

    low: int
    high: int
    x: float
    width: float
    count: int
    blocks: tuple[Block, ...]

    @property
    def top(self) -> float:
        return min((block.y for block in self.blocks), default=HISTOGRAM_HEIGHT)


@dataclass(frozen=True)
class Histogram:
    figures: LabFigures
    bins: tuple[Bin, ...]
    median_x: float | None


@dataclass(frozen=True)
class Segment:
    """A part of a bar, as long as its share of the attendees."""

    outcome: Outcome
    x: float
    width: float
    count: int


@dataclass(frozen=True)
class Tick:
    x: float
    label: str


@dataclass(frozen=True)
class Strip:
    """The submissions of one lab: a mark for each, and a curve of how many there were so far."""

    figures: LabFigures
    marks: tuple[float, ...]
    #: Corners of the curve, x in per cent and y in pixels of STRIP_HEIGHT.
    curve: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Timeline:
    ticks: tuple[Tick, ...]
    strips: tuple[Strip, ...]
    first: datetime
    last: datetime


def score_histogram(figures: LabFigures) -> Histogram:
    """How many attendees got how much of a lab, in tenths; full marks belong to the last one."""
    counts = [0] * BINS
    for share in figures.shares:
        counts[_bin(share)] += 1
    tallest = max([*counts, 1])
    width = 100.0 / BINS
    return Histogram(
        figures,
        tuple(
            Bin(
                low=round(index * width),
                high=round((index + 1) * width),
                x=index * width + 0.5,
                width=width - 1.0,
                count=count,
                blocks=_blocks(count, tallest),
            )
            for index, count in enumerate(counts)
        ),
        None if figures.median is None else 100.0 * min(max(figures.median, 0.0), 1.0),
    )


def outcome_bar(exercise: ExerciseFigures) -> tuple[Segment, ...]:
    """A bar of the whole class, cut by outcome, the good news at the left."""
    everybody = exercise.outcomes.total()
    order: tuple[Outcome, ...] = ("passed", "partial", "failed", "not judged", "missing")
    segments, x = [], 0.0
    for outcome in order:
        count = exercise.outcomes[outcome]
        if count:
            width = 100.0 * count / everybody
            segments.append(Segment(outcome, x, width, count))
            x += width
    return tuple(segments)


def submission_timeline(
    labs: Sequence[LabFigures], attendees: int, zone: tzinfo | None
) -> Timeline | None:
    """When the work of each lab came in, on one time axis; None before any did."""
    moments = [moment for figures in labs for moment in figures.submitted_at]
    if not moments:
        return None
    first, last = min(moments), max(moments)
    # A lone moment still needs an axis around it.
    margin = max((last - first) * 0.02, timedelta(minutes=1))
    start, end = first - margin, last + margin
    strips = (_strip(figures, attendees, start, end) for figures in labs)
    return Timeline(ticks=_ticks(start, end, zone), strips=tuple(strips), first=first, last=last)


def _bin(share: float) -> int:
    # Sums of points such as 0.1 + 0.2 must not fall one bin short of where they belong.
    return min(max(math.floor(share * BINS + 1e-9), 0), BINS - 1)


def _blocks(count: int, tallest: int) -> tuple[Block, ...]:
    unit = HISTOGRAM_HEIGHT / tallest
    if tallest > MOST_BLOCKS:
        return (Block(HISTOGRAM_HEIGHT - count * unit, count * unit),) if count else ()
    # A class of three should not be drawn as three towers.
    unit = min(unit, 30.0)
    return tuple(
        Block(HISTOGRAM_HEIGHT - (level + 1) * unit, unit - BLOCK_GAP) for level in range(count)
    )


def _strip(figures: LabFigures, attendees: int, start: datetime, end: datetime) -> Strip:
    marks = tuple(_position(moment, start, end) for moment in figures.submitted_at)
    curve = [(0.0, STRIP_HEIGHT)]
    for number, x in enumerate(marks, 1):
        curve.append((x, curve[-1][1]))
        curve.append((x, STRIP_HEIGHT * (1 - number / max(attendees, 1))))
    curve.append((100.0, curve[-1][1]))
    return Strip(figures, marks, tuple(curve))


def _position(moment: datetime, start: datetime, end: datetime) -> float:
    return 100.0 * ((moment - start) / (end - start))


def _ticks(start: datetime, end: datetime, zone: tzinfo | None) -> tuple[Tick, ...]:
    step = _tick_step(end - start)
    midnight = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    moment = in_utc(midnight)
    moment += math.ceil((start - moment) / step) * step
    if step >= DAY:
        style = "%-d %b"
    elif start.astimezone(zone).date() == end.astimezone(zone).date():
        style = "%H:%M"
    else:
        style = "%a %H:%M"
    ticks = []
    while moment <= end:
        label = moment.astimezone(zone).strftime(style)
        ticks.append(Tick(_position(moment, start, end), label))
        moment += step
    return tuple(ticks)


def _tick_step(span: timedelta) -> timedelta:
    fitting = (step for step in TICK_STEPS if span / step <= MOST_TICKS)
    return next(fitting, DAY * math.ceil(span / DAY / MOST_TICKS))
