"""Releasing is repeatable, and refuses what could not be graded."""

from __future__ import annotations

import pytest

from grader.errors import BadInput, NotPossibleHere


def lab_file(course):
    return course.settings.coursework / "sums/lab.py"


def change_lab(course, old: str, new: str) -> None:
    text = lab_file(course).read_text()
    assert old in text
    lab_file(course).write_text(text.replace(old, new))


def outbound(course):
    """Where nbgrader's own exchange keeps what attendees fetch."""
    root = course.settings.exchange.options["Exchange"]["root"]
    return course.settings.course.parent / root / "mini/outbound/sums"


def test_attendees_get_stubs_and_data_without_hidden_checks(released):
    text = (outbound(released) / "sums.ipynb").read_text()
    assert "raise NotImplementedError()" in text
    assert "return sum(values)" not in text
    assert "canary-text-of-hidden-test" not in text
    assert (outbound(released) / "data/numbers.txt").read_text() == "1\n2\n3\n4\n"
    assert not (outbound(released) / "lab.py").exists()


def test_an_unchanged_lab_is_not_released_again(released):
    assert released.release().outcome == "unchanged"
    assert released.release(force=True).outcome == "released"


def test_changed_data_is_a_change(released):
    (released.settings.coursework / "sums/data/numbers.txt").write_text("4\n3\n2\n1\n")
    change_lab(released, "[2, 4, 6, 8]", "[8, 6, 4, 2]")
    assert released.release().outcome == "released"
    assert (outbound(released) / "data/numbers.txt").read_text() == "4\n3\n2\n1\n"


def test_a_release_that_somebody_damaged_is_made_again(released):
    (released.folder.released("sums") / "sums.ipynb").write_text("oops")
    assert released.release().outcome == "released"


def test_a_wrong_solution_is_not_released(mini):
    change_lab(mini, "return max(values)", "return min(values)")
    with pytest.raises(NotPossibleHere, match="the solution does not pass 'check-largest'"):
        mini.release()
    assert not mini.folder.released("sums").exists()


def test_a_check_that_tests_nothing_is_not_released(mini):
    change_lab(mini, "assert largest(numbers) == 4", "assert True")
    with pytest.raises(NotPossibleHere, match="earns 5 points at 'check-largest'"):
        mini.release()


def test_nobody_is_graded_on_an_environment_where_the_solution_fails(released, answers):
    released.submit_answers("ada", answers)
    light = released.settings.environments["light"]
    broken = light.model_copy(update={"identity": "rebuilt, but wrongly"})
    (released.folder.source("sums") / "data/numbers.txt").write_text("no numbers\n")
    with pytest.raises(NotPossibleHere, match="the solution does not pass 'check-total'"):
        released.with_settings(environments={"light": broken}).grade()
    assert released.scores() == {}


def test_graded_cells_can_not_change_once_somebody_has_handed_in(released, answers):
    released.submit_answers("ada", answers)
    released.grade()
    change_lab(released, '"grade_id": "check-largest"', '"grade_id": "check-maximum"')
    with pytest.raises(NotPossibleHere, match="has submissions already"):
        released.release()


def test_a_corrected_check_is_released_and_graded_anew(released, answers):
    released.submit_answers("ada", answers)
    released.grade()
    change_lab(released, "assert largest(numbers) == 4", "assert largest([1, 9]) == 9")
    assert released.release().outcome == "released"
    assert released.grade().judged == 1
    assert sum(released.scores()["ada"].values()) == 10


@pytest.mark.parametrize(
    ("old", "new", "place", "found"),
    [
        ('"check-double"', '"check-total"', "'check-total'", "grade_id 'check-total' is there"),
        ('"points": 3', '"points": "3"', "'check-double'", "nbgrader points is '3'"),
        ('"points": 3, ', "", "'check-double'", "a graded cell with points None"),
        ('"points": 3', '"points": -3', "'check-double'", "a graded cell with points -3"),
        ('"grade_id": "double"', '"grade_id": "dou ble"', "'dou ble'", "grade_id is 'dou ble'"),
        ('"grade_id": "double"', '"grade_id": 7', "7", "nbgrader grade_id is 7"),
        ('"grade_id": "double"', '"grade_id": "double", "pts": 1', "", "unknown nbgrader key"),
        ("    name: light", "    name: heavy", "kernelspec", "asks for the kernel 'heavy'"),
        ("### END HIDDEN TESTS", "", "'check-total'", "BEGIN HIDDEN TESTS without END"),
        ('"double", "solution": true', '"double", "solution": false', "'double'", "no solution"),
    ],
)
def test_a_slip_in_the_lab_is_named_with_file_and_cell(mini, old, new, place, found):
    change_lab(mini, old, new)
    with pytest.raises(BadInput) as caught:
        mini.release()
    assert str(lab_file(mini)) in caught.value.message
    assert place in str(caught.value.place)
    assert found in caught.value.message
    assert caught.value.write


def test_an_environment_that_is_missing_is_named(mini):
    with pytest.raises(BadInput, match=r"course.yaml, labs, sums: there is no environment 'light'"):
        mini.with_settings(environments={}).workplace()
