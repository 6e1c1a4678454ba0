"""The two pictures of a rehearsal as SVG: how long each stage took, and what each robot did when.

Shapes only, no text from outside: names of stages are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hub_config.rehearsal.journey import Journey
from hub_config.rehearsal.visits import STAGES

#: Told apart also by those who don't see red and green alike (Okabe and Ito).
COLOURS = dict(
    zip(
        STAGES,
        (
            "#56b4e9",
            "#e69f00",
            "#8c8c8c",
            "#cc79a7",
            "#009e73",
            "#7b5fb5",
            "#f0e442",
            "#0072b2",
        ),
        strict=True,
    )
)
STUCK = "#c81e1e"
_WIDTH, _LEFT, _RIGHT, _AXIS = 1200, 10, 30, 34
_TALLEST, _ROW = 640, 14
#: Distances between ticks that people can count in, in seconds.
_TICKS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)


@dataclass(frozen=True)
class _Scale:
    """Seconds to the right."""

    seconds: float

    def x(self, seconds: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * seconds / self.seconds

    @property
    def ticks(self) -> Iterable[int]:
        step = next((each for each in _TICKS if self.seconds / each <= 12), 1200)
        return range(0, int(self.seconds) + 1, step)


def lanes(journeys: Sequence[Journey]) -> str:
    """One line per robot, in the order of arrival; time runs to the right."""
    begun = sorted(journeys, key=lambda each: each.arrived)
    if not begun:
        return ""
    zero = begun[0].arrived
    end = max((step.ended for each in begun for step in each.steps), default=zero) - zero
    scale = _Scale(max(end, 1.0))
    row = min(_ROW, _TALLEST / len(begun))
    height = row * len(begun) + _AXIS
    parts = [_axis(scale, height)]
    for number, journey in enumerate(begun):
        parts += _lane(journey, number * row, row, scale, zero)
    return _svg(height, "What each robot did, and when", parts)


def _lane(journey: Journey, y: float, row: float, scale: _Scale, zero: float) -> Iterable[str]:
    thick = row * 0.8
    for step in journey.steps:
        x, end = scale.x(step.began - zero), scale.x(step.ended - zero)
        wide = max(end - x, 0.6)
        yield (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{thick:.1f}" '
            f'fill="{COLOURS[step.name]}"/>'
        )
    if journey.problem:
        last = journey.steps[-1].ended if journey.steps else journey.arrived
        x = scale.x(last - zero)
        yield f'<circle cx="{x + 8:.1f}" cy="{y + thick / 2:.1f}" r="6" fill="{STUCK}"/>'


def _axis(scale: _Scale, height: float) -> str:
    bottom = height - _AXIS
    lines = [
        f'<path class="tick" d="M{scale.x(each):.1f} 0V{bottom + 6:.1f}"/>'
        f'<text x="{scale.x(each):.1f}" y="{height - 8:.1f}">{each} s</text>'
        for each in scale.ticks
    ]
    return "".join(lines)


def _svg(height: float, label: str, parts: Iterable[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{label}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )
