"""Robots answer any nbgrader lab from its own solution."""

from __future__ import annotations

from typing import Any

import pytest

from hub_config.rehearsal.characters import (
    BLANK,
    CHARACTERS,
    HOSTILE,
    PARTLY,
    RAISING,
    REACHED,
    RIGHT,
    Character,
    answered,
    expected_scores,
    hostile_cell,
)
from hub_config.rehearsal.journeys import Attendance
from hub_config.rehearsal.verdict import full_marks, score_lines


def cell(grade_id: str, source: str, **nbgrader: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "source": source,
        "metadata": {"nbgrader": {"grade_id": grade_id, **nbgrader}},
    }


def lab(answer: str) -> dict[str, Any]:
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "source": "# Lab", "metadata": {}}]
    for number in (1, 2, 3):
        cells.append(cell(f"gap{number}", f"{answer} {number}", solution=True))
        cells.append(cell(f"check{number}", "assert True", grade=True, points=number))
    return {"cells": cells}


SOURCE, RELEASE = lab("solved"), lab("stub")


def sources_of(character: Character) -> list[str]:
    notebook = answered(RELEASE, SOURCE, character)
    return [each["source"] for each in notebook["cells"] if each["source"] != "assert True"][1:]


@pytest.mark.parametrize(
    ("character", "written", "points"),
    [
        (RIGHT, ["solved 1", "solved 2", "solved 3"], [1, 2, 3]),
        (PARTLY, ["solved 1", "stub 2", "solved 3"], [1, 0, 3]),
        (BLANK, ["stub 1", "stub 2", "stub 3"], [0, 0, 0]),
        (HOSTILE, [hostile_cell()] * 3, [0, 0, 0]),
    ],
)
def test_each_character_writes_and_earns_what_it_says(
    character: Character, written: list[str], points: list[float]
) -> None:
    assert sources_of(character) == written
    assert list(expected_scores(SOURCE, character).values()) == points


def test_the_raising_one_solves_the_first_exercise_only() -> None:
    first, *others = sources_of(RAISING)
    assert first == "solved 1"
    for source in others:
        with pytest.raises(ValueError, match="gave up"):
            exec(source, {})


def test_the_release_itself_is_not_changed() -> None:
    for character in CHARACTERS:
        answered(RELEASE, SOURCE, character)
    assert lab("stub") == RELEASE


def test_the_hostile_cell_is_python_that_reports_what_it_reached() -> None:
    compile(hostile_cell(), "hostile", "exec")
    assert REACHED in hostile_cell()


def results(verdicts: dict[str, tuple[float, str]]) -> dict[str, Any]:
    cells = [
        {"exercise": {"cell": name}, "score": score, "verdict": verdict}
        for name, (score, verdict) in verdicts.items()
    ]
    return {"submissions": [{"attendee": "ada", "lab": "sums", "cells": cells}]}


def surprises(verdicts: dict[str, tuple[float, str]]) -> tuple[str, ...]:
    ada = Attendance("ada", "01-AAAA-AAAA", PARTLY)
    (line,) = score_lines([ada], {"sums": SOURCE}, results(verdicts))
    assert line.points == full_marks(SOURCE) == 6
    return line.wrong


def test_two_mistakes_do_not_make_up_for_each_other() -> None:
    fine = {"check1": (1.0, "passed"), "check2": (0.0, "failed"), "check3": (3.0, "passed")}
    assert surprises(fine) == ()
    assert surprises(fine | {"check2": (2.0, "passed"), "check3": (2.0, "partial")}) == (
        "check2",
        "check3",
    )


def test_a_check_that_nobody_judged_is_a_surprise_even_at_zero_points() -> None:
    fine = {"check1": (1.0, "passed"), "check3": (3.0, "passed")}
    assert surprises(fine | {"check2": (0.0, "not judged")}) == ("check2",)
    assert surprises(fine) == ("check2",)
