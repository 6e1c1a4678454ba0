"""Progress per exercise: a row for each, a column for each attendee, drawn as few SVG paths.

300 attendees and 60 exercises are 18,000 squares; one path for each outcome and row keeps the
page small, and the row says the same in words for those who don't see colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hub_config.wall.facts import Facts, Outcome, Work

Shade = Literal["passed", "partial", "failed", "waits"]
_SHADES: dict[Outcome, Shade] = {
    "passed": "passed",
    "partial": "partial",
    "failed": "failed",
    "not judged": "waits",
    "by hand": "waits",
}
SHADES: tuple[Shade, ...] = ("passed", "partial", "failed", "waits")


@dataclass(frozen=True)
class HeatRow:
    """One exercise. `paths` are SVG path data by shade; a square is 1 wide and 1 high."""

    number: str
    title: str
    paths: tuple[tuple[Shade, str], ...]
    counts: dict[Shade, int]
    people: int

    @property
    def words(self) -> str:
        parts = [f"{count} {shade}" for shade, count in self.counts.items() if count]
        handed_in = sum(self.counts.values())
        return ", ".join([*parts, f"{self.people - handed_in} handed in nothing"])


@dataclass(frozen=True)
class HeatLab:
    title: str
    rows: tuple[HeatRow, ...]

    @property
    def begun(self) -> bool:
        """Whether anybody has handed anything in."""
        return any(any(row.counts.values()) for row in self.rows)


@dataclass(frozen=True)
class HeatMap:
    """Columns are attendees in the order of their seats' numbers."""

    labs: tuple[HeatLab, ...]
    people: int

    @property
    def height(self) -> str:
        """How tall a row can be, so that all fit a screen."""
        count = sum(len(lab.rows) for lab in self.labs if lab.begun)
        return "tall" if count <= 8 else "middle" if count <= 18 else "low"

    @property
    def comb(self) -> str:
        """SVG path data of lines between the columns."""
        return "".join(f"M{x} 0v1" for x in range(1, self.people))


def heat_map(facts: Facts) -> HeatMap:
    attendees = sorted(
        (person for person in facts.people if person.attendee), key=lambda person: person.number
    )
    work = {(each.attendee, each.lab): each for each in facts.work}
    several = len(facts.labs) > 1
    labs = []
    for place, lab in enumerate(facts.labs, 1):
        column = [work.get((person.username, lab.name)) for person in attendees]
        rows = tuple(
            _row((f"{place}.{number}" if several else str(number), each.title), column, each.cell)
            for number, each in enumerate(lab.exercises, 1)
        )
        labs.append(HeatLab(lab.title, rows))
    return HeatMap(tuple(labs), len(attendees))


def _row(names: tuple[str, str], column: Sequence[Work | None], cell: str) -> HeatRow:
    shades = [
        _SHADES[work.outcomes[cell]] if work is not None and cell in work.outcomes else None
        for work in column
    ]
    counts: dict[Shade, int] = {shade: shades.count(shade) for shade in SHADES}
    paths = tuple((shade, path(shades, shade)) for shade in SHADES if counts[shade])
    return HeatRow(*names, paths, counts, len(column))


def path(shades: Sequence[Shade | None], shade: Shade) -> str:
    """Every square of this shade; neighbours become one rectangle."""
    parts, x = [], 0
    while x < len(shades):
        width = 0
        while x + width < len(shades) and shades[x + width] == shade:
            width += 1
        if width:
            parts.append(f"M{x} 0h{width}v1h-{width}z")
        x += width or 1
    return "".join(parts)
