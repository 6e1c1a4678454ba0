"""Five kinds of attendee, and what each writes into a lab.

Answers are taken from the lab's own solution, so any nbgrader lab can be rehearsed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

Notebook = dict[str, Any]
#: (number of the exercise from 0, its untouched source, its solution) -> what is written.
Answer = Callable[[int, str, str], str]

#: Printed by the hostile cell before each thing it could reach.
REACHED = "REACHED"


@dataclass(frozen=True)
class Character:
    """A way to answer; `solves` tells which exercises it answers right."""

    name: str
    story: str
    answer: Answer
    solves: Callable[[int], bool]


def hostile_cell() -> str:
    """Code that looks for everything it should not find."""
    return files("hub_config.rehearsal").joinpath("hostile_cell.txt").read_text()


RIGHT = Character("all right", "answers everything", lambda n, stub, right: right, lambda n: True)
PARTLY = Character(
    "partly right",
    "answers every other exercise",
    lambda n, stub, right: right if n % 2 == 0 else stub,
    lambda n: n % 2 == 0,
)
BLANK = Character(
    "blank", "submits the untouched lab", lambda n, stub, right: stub, lambda n: False
)
RAISING = Character(
    "raising",
    "answers the first exercise, then raises",
    lambda n, stub, right: right if n == 0 else 'raise ValueError("I gave up here")',
    lambda n: n == 0,
)
HOSTILE = Character(
    "hostile",
    "looks for grades, hidden tests, others' work and the network",
    lambda n, stub, right: hostile_cell(),
    lambda n: False,
)
CHARACTERS = (RIGHT, PARTLY, BLANK, RAISING, HOSTILE)


def answered(release: Notebook, source: Notebook, character: Character) -> Notebook:
    """The released notebook as this character would submit it."""
    solutions = {_grade_id(cell): _text(cell) for cell in source["cells"] if _is_solution(cell)}
    notebook = copy.deepcopy(release)
    exercises = [cell for cell in notebook["cells"] if _is_solution(cell)]
    for number, cell in enumerate(exercises):
        cell["source"] = character.answer(number, _text(cell), solutions[_grade_id(cell)])
    return notebook


def expected_scores(source: Notebook, character: Character) -> Mapping[str, float]:
    """{test cell: points} that this character must get: tests belong to the gap before them."""
    scores: dict[str, float] = {}
    number = -1
    for cell in source["cells"]:
        if _is_solution(cell):
            number += 1
        elif _nbgrader(cell).get("grade"):
            points = float(_nbgrader(cell)["points"])
            scores[_grade_id(cell)] = points if character.solves(number) else 0.0
    return scores


def _nbgrader(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata: Mapping[str, Any] = cell["metadata"].get("nbgrader", {})
    return metadata


def _is_solution(cell: Mapping[str, Any]) -> bool:
    return cell["cell_type"] == "code" and bool(_nbgrader(cell).get("solution"))


def _grade_id(cell: Mapping[str, Any]) -> str:
    return str(_nbgrader(cell)["grade_id"])


def _text(cell: Mapping[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)
