"""The whole course through the hub: every lab is released, handed in, graded, and sealed."""

from __future__ import annotations

from pathlib import Path

import jupytext
import pytest
import yaml

from tests.e2e.conftest import MakeWorkshop
from tests.e2e.handing_in import Attendee
from tests.e2e.running import RunningWorkshop

COURSE = Path(__file__).parents[2] / "coursework/nlp"
LABS = yaml.safe_load((COURSE / "course.yaml").read_text(encoding="utf-8"))["labs"]


def solutions(lab: dict[str, str]) -> dict[str, str]:
    """The author's own answers, by cell."""
    notebook = jupytext.read(COURSE / lab["folder"] / "lab.py", fmt="py:percent")
    cells = [(cell.metadata.get("nbgrader", {}), cell.source) for cell in notebook.cells]
    return {meta["grade_id"]: source for meta, source in cells if meta.get("solution")}


@pytest.fixture(scope="module")
def workshop(make_workshop: MakeWorkshop) -> RunningWorkshop:
    """One attendee answers everything as the author does, another hands in what came."""
    workshop = make_workshop("whole", ["wc-full", "wc-blank"], course=COURSE)
    workshop.up("--no-start-seats")
    workshop.cli("release", patience=900)
    for lab in LABS:
        Attendee(workshop, "wc-full").hand_in(lab["name"], solutions(lab))
        Attendee(workshop, "wc-blank").hand_in(lab["name"], {})
    workshop.cli("grade", patience=900)
    return workshop


@pytest.mark.thorough
def test_the_authors_answers_get_every_point_of_every_lab(workshop: RunningWorkshop) -> None:
    full, blank = {}, {}
    for (attendee, lab), scores in workshop.grades().items():
        (full if attendee == "wc-full" else blank)[lab] = scores
    points = workshop.points()
    assert full == points
    assert set(full) == {lab["name"] for lab in LABS}
    assert {lab: set(scores.values()) for lab, scores in blank.items()} == {
        lab["name"]: {0} for lab in LABS
    }


def test_no_lab_asks_for_judging_in_the_attendees_kernel() -> None:
    unsealed = [lab["name"] for lab in LABS if lab.get("judging") == "in-kernel"]
    assert unsealed == []
