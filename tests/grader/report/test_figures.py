"""The numbers are those that a person would count."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grader.figures import ClassFigures
from grader.grid import build_grid
from grader.results import ClassResults


def test_the_figures_are_those_counted_by_hand(class_of_four: ClassResults) -> None:
    figures = ClassFigures(build_grid(class_of_four))
    assert len(figures.took_part) == 3
    assert figures.submissions == 5
    # Totals 6, 3 and 2 of 10; the absent one is no part of the median.
    assert figures.median_share == pytest.approx(0.3)
    assert [e.pass_rate for e in figures.exercises] == [1.0, 0.5, 0.0]
    assert [c.exercise.title for c in figures.everybody_got] == ["First"]
    assert [e.column.number for e in figures.hardest_first] == ["2.1", "1.2", "1.1"]
    assert figures.stuck_at is figures.hardest_first[0]
    assert [lab.median for lab in figures.labs] == [pytest.approx(0.5), 0.0]
    assert [(c.name, c.count, c.attendees) for c in figures.causes] == [
        ("KeyError", 2, 2),
        ("no exception", 1, 1),
    ]
    assert figures.causes[0].example == "KeyError: 'x'"
    assert [(w.reason, w.row.attendee.username) for w in figures.waiting] == [("host lost", "cem")]


def test_work_without_a_result_is_not_judged_rather_than_failed(
    class_of_four: ClassResults,
) -> None:
    results = class_of_four
    bare = replace(results.submissions[0], cells=())
    figures = ClassFigures(build_grid(replace(results, submissions=(bare,))))
    assert [len(figures.waiting), len(figures.causes)] == [2, 0]
    assert figures.stuck_at is None


def test_work_of_somebody_off_the_roster_is_shown(class_of_four: ClassResults) -> None:
    results = class_of_four
    grid = build_grid(replace(results, attendees=results.attendees[1:]))
    assert [row.attendee.username for row in grid.rows] == ["bob", "cem", "dee", "ann"]
