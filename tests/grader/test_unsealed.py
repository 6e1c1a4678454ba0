"""A lab may be judged in the attendee's own kernel; wherever its grades appear, they say so."""

from __future__ import annotations

import csv

import pytest

from grader.report import write_report
from hub_config.screens import graded_lines, released_lines

#: Equal to whatever a check expects.
CHEAT = """
class Anything:
    def __eq__(self, other):
        return True

def total(values):
    return Anything()
"""


@pytest.fixture
def graded(released_in_kernel, answers):
    released_in_kernel.submit_answers("ada", answers)
    return released_in_kernel, released_in_kernel.grade()


def test_the_verdict_the_results_and_the_csv_say_it(graded):
    course, _ = graded
    assert course.verdict("ada")["basis"]["sealed"] is False
    results = course.results()
    assert [lab.sealed for lab in results.labs] == [False]
    files = write_report(results, course.settings.reports)
    with files.csv.open(encoding="utf-8-sig") as stream:
        assert {row["judging"] for row in csv.DictReader(stream)} == {"unsealed"}
    assert '<b class="unsealed">unsealed</b>' in files.html.read_text()


def test_the_feedback_page_says_it(graded):
    course, _ = graded
    page = (course.folder.feedback("ada", "sums") / "sums.html").read_text()
    assert "<b>unsealed</b> The checks of this lab ran in the same process" in page


def test_what_release_and_grade_print_says_it(graded):
    course, done = graded
    again = course.release()
    assert list(released_lines({"labs": [vars(again)]})) == [
        "sums: unchanged (3 checks, 10 points, unsealed)"
    ]
    assert list(graded_lines(vars(done)))[1:] == [
        "Unsealed: sums: its checks ran in the attendees' own processes"
    ]


def test_nothing_of_a_sealed_lab_says_it(released, answers):
    released.submit_answers("ada", answers)
    done = released.grade()
    page = (released.folder.feedback("ada", "sums") / "sums.html").read_text()
    assert "<b>unsealed</b>" not in page
    report = write_report(released.results(), released.settings.reports).html.read_text()
    assert ">unsealed<" not in report
    assert list(graded_lines(vars(done))) == ["Graded 1, unchanged 0, feedback sent 1."]
    assert list(released_lines({"labs": [vars(released.release())]})) == [
        "sums: unchanged (3 checks, 10 points)"
    ]


def test_a_lab_that_is_sealed_later_is_judged_anew(graded):
    course, _ = graded
    sealed = course.judged("sealed")
    # Until then its grades are what they were.
    assert [lab.sealed for lab in sealed.results().labs] == [False]
    assert sealed.grade().judged == 1
    assert [lab.sealed for lab in sealed.results().labs] == [True]


def test_an_object_that_equals_everything_cheats_only_unsealed_checks(graded, answers):
    """What the mark is for."""
    course, _ = graded
    course.submit_answers("mallory", {**answers, "total": CHEAT})
    course.grade()
    assert course.scores()["mallory"]["check-total"] == 2.0
    course.judged("sealed").grade()
    assert course.scores()["mallory"]["check-total"] == 0.0
