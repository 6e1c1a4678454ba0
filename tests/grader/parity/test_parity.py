"""Honest work has nbgrader's score, cell by cell, but for the differences that we want."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.grader.parity.both_ways import BothWays
from tests.grader.parity.classes import CLASSES, Difference
from tests.grader.parity.sources import OWN, SHIPPED
from tests.grader.parity.submissions import Row, rows_of
from tests.grader.parity.workshop_labs import LABS, rows_of_lab

DECISION = Path(__file__).parents[3] / "docs/decisions/parity.md"
ROWS = {lab: rows_of_lab(lab) for lab in LABS} | {name: rows_of(name) for name in (*OWN, *SHIPPED)}
EACH = [pytest.param(name, row, id=f"{name}-{row.name}") for name in ROWS for row in ROWS[name]]

Gradings = dict[str, "Future[BothWays]"]


@pytest.mark.parametrize(("assignment", "row"), EACH)
def test_it_differs_where_we_say_and_for_the_reason_that_we_say(
    gradings: Gradings, assignment: str, row: Row
) -> None:
    graded = gradings[assignment].result()
    marks = {place: both for place, both in graded.marks.items() if place.student == row.name}
    assert marks, "nobody graded it"
    differing = {place.cell: place for place, (plain, ours) in marks.items() if plain != ours}
    assert {
        cell: marks[place] for cell, place in differing.items() if cell not in row.differs
    } == {}, graded.plain.said.read_text()[-5000:]
    assert differing.keys() == row.differs.keys(), "it is expected to differ and does not"
    for cell, place in differing.items():
        one = Difference(graded, place)
        assert CLASSES[row.differs[cell]](one), (cell, row.differs[cell], marks[place], one.verdict)


@pytest.mark.parametrize("assignment", ROWS)
def test_right_answers_have_all_points_that_need_no_person(
    gradings: Gradings, assignment: str
) -> None:
    """So that no assignment's parity is that of two zeros."""
    graded = gradings[assignment].result()
    verdicts = [v for place, v in graded.verdicts.items() if place.student == "right"]
    assert {v["outcome"] for v in verdicts} <= {"passed", "by hand"}
    passed = [place for place, v in graded.verdicts.items() if v["outcome"] == "passed"]
    assert all(
        graded.marks[place][0].score == graded.verdicts[place]["max_points"]
        for place in passed
        if place.student == "right"
    )


def test_enough_was_compared(
    gradings: Gradings, capsys: pytest.CaptureFixture[str], record_property
) -> None:
    cells = sum(len(gradings[name].result().marks) for name in ROWS)
    submissions = sum(len(rows) for rows in ROWS.values())
    classes = Counter(
        kind for rows in ROWS.values() for row in rows for kind in row.differs.values()
    )
    with capsys.disabled():
        print(
            f"\nparity: {len(ROWS)} assignments, {submissions} submissions, {cells} cells;"
            f" different: {dict(classes)}"
        )
    assert len(ROWS) >= 5
    assert submissions >= 60
    assert cells >= 600


def test_every_class_is_explained_and_has_an_example() -> None:
    explained = set(re.findall(r"^\| `([a-z-]+)` ", DECISION.read_text(), flags=re.MULTILINE))
    shown = {kind for rows in ROWS.values() for row in rows for kind in row.differs.values()}
    assert explained == set(CLASSES) == shown
