"""The drawings put each mark where its number belongs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from grader.charts import STRIP_HEIGHT, outcome_bar, score_histogram, submission_timeline
from grader.figures import ClassFigures, LabFigures
from grader.grid import build_grid
from grader.results import ClassResults, Exercise, Lab

LAB = Lab("one", "Lab one", (Exercise("one", "a", "First", 10),))
NINE = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


def lab_with(shares: tuple[float, ...] = (), minutes: tuple[int, ...] = ()) -> LabFigures:
    return LabFigures(LAB, shares, tuple(NINE + timedelta(minutes=each) for each in minutes))


@pytest.mark.parametrize(
    ("share", "bin_index"),
    [(0.0, 0), (0.05, 0), (0.1, 1), (0.1 + 0.2, 3), (0.7, 7), (0.99, 9), (1.0, 9), (1.2, 9)],
)
def test_a_score_falls_into_its_tenth(share: float, bin_index: int) -> None:
    counts = [each.count for each in score_histogram(lab_with((share,))).bins]
    assert counts.index(1) == bin_index
    assert sum(counts) == 1


def test_few_attendees_are_blocks_and_many_are_one_bar() -> None:
    few, many = lab_with((0.5,) * 3), lab_with((0.5,) * 40)
    assert [len(score_histogram(each).bins[5].blocks) for each in (few, many)] == [3, 1]


def test_a_lab_without_submissions_has_no_median() -> None:
    assert score_histogram(lab_with()).median_x is None


def test_a_bar_is_as_long_as_the_class(class_of_four: ClassResults) -> None:
    for exercise in ClassFigures(build_grid(class_of_four)).exercises:
        segments = outcome_bar(exercise)
        assert sum(segment.width for segment in segments) == pytest.approx(100)
        assert sum(segment.count for segment in segments) == 4


def test_the_curve_reaches_the_top_when_everybody_has_handed_in() -> None:
    timeline = submission_timeline([lab_with(minutes=(0, 10, 20))], attendees=3, zone=UTC)
    assert timeline is not None
    (strip,) = timeline.strips
    assert strip.curve[0] == (0.0, STRIP_HEIGHT)
    assert strip.curve[-1] == (100.0, pytest.approx(0.0))


@pytest.mark.parametrize(
    ("minutes", "labels"),
    [
        ((0, 60), ["10:00", "10:15", "10:30", "10:45", "11:00"]),
        ((0,), ["09:59", "10:00", "10:01"]),
        ((0, 60 * 20), ["Tue 12:00", "Tue 18:00", "Wed 00:00", "Wed 06:00"]),
        ((0, 60 * 24 * 4), ["2 Dec", "3 Dec", "4 Dec", "5 Dec"]),
    ],
)
def test_ticks_are_round_times_of_the_class(minutes: tuple[int, ...], labels: list[str]) -> None:
    zone = timezone(timedelta(hours=1))
    timeline = submission_timeline([lab_with(minutes=minutes)], attendees=3, zone=zone)
    assert timeline is not None
    assert [tick.label for tick in timeline.ticks] == labels


def test_before_any_submission_there_is_no_timeline() -> None:
    assert submission_timeline([lab_with()], attendees=3, zone=UTC) is None
