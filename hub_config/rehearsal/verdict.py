"""What the robots found, as rows for a table: how long each step took, what came of the answers."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hub_config.rehearsal.characters import Character, Notebook, expected_scores
from hub_config.rehearsal.journey import Journey
from hub_config.rehearsal.journeys import Attendance


@dataclass(frozen=True)
class StepTimes:
    """One step over all robots, in seconds."""

    step: str
    median: float
    slowest: float


@dataclass(frozen=True)
class ScoreLine:
    """One robot's points in one lab. `wrong` names the checks that surprised us."""

    username: str
    character: str
    lab: str
    score: float
    points: float
    wrong: tuple[str, ...]


def step_times(journeys: Iterable[Journey]) -> tuple[StepTimes, ...]:
    """In the order in which the steps first happened."""
    times: dict[str, list[float]] = {}
    for journey in journeys:
        for step in journey.steps:
            times.setdefault(step.name, []).append(step.seconds)
    return tuple(
        StepTimes(step, statistics.median(each), max(each)) for step, each in times.items()
    )


def problems(journeys: Iterable[Journey]) -> tuple[str, ...]:
    """One line for every robot that could not go on."""
    return tuple(f"{each.username}: {each.problem}" for each in journeys if each.problem)


def score_lines(
    people: Iterable[Attendance],
    sources: Mapping[str, Notebook],
    results: Mapping[str, Any],
) -> tuple[ScoreLine, ...]:
    """The gradebook's results beside what each character must get, check by check."""
    found = {
        (each["attendee"], each["lab"]): {
            cell["exercise"]["cell"]: (cell["score"], cell["verdict"]) for cell in each["cells"]
        }
        for each in results["submissions"]
    }
    return tuple(
        _line(person.username, person.character, lab, source, found.get((person.username, lab), {}))
        for person in people
        for lab, source in sources.items()
    )


def _line(
    username: str,
    character: Character,
    lab: str,
    source: Notebook,
    cells: Mapping[str, tuple[float, str]],
) -> ScoreLine:
    expected = expected_scores(source, character)
    # A check that was not judged surprises too, even where zero was expected.
    wrong = tuple(
        cell
        for cell, points in expected.items()
        if cell not in cells or cells[cell][0] != points or cells[cell][1] == "not judged"
    )
    score = sum(points for points, _ in cells.values())
    return ScoreLine(username, character.name, lab, score, full_marks(source), wrong)


def full_marks(source: Notebook) -> float:
    """All points of a lab's source notebook."""
    cells = (cell["metadata"].get("nbgrader", {}) for cell in source["cells"])
    return sum(float(cell["points"]) for cell in cells if cell.get("grade"))
