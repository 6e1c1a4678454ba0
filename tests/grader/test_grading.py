"""What attendees hand in gets the points that it earned, and nothing else."""

from __future__ import annotations

import pytest

FULL = {"check-total": 2.0, "check-double": 3.0, "check-largest": 5.0}
NOTHING = dict.fromkeys(FULL, 0.0)

#: Attendee to the answers that differ from the right ones.
CLASS = {
    "right": {},
    "partly": {"double": "def double(values):\n    return values"},
    "raising": {"largest": "raise RuntimeError('oh no')"},
    "almost": {"total": "def total(values):\n    return 10"},
    "noisy": {
        "total": "import sys\n\ndef total(values):\n    print('!', file=sys.stderr)\n"
        "    return sum(values)"
    },
    "quitting": {"double": "import os\nos._exit(0)"},
    "endless": {"double": "while True:\n    pass"},
    "typing-wrong": {"total": "def total(values:\n"},
    "printing": {"total": "print('x' * 50_000_000)\n\ndef total(values):\n    return sum(values)"},
}


@pytest.fixture(scope="module")
def class_graded(tmp_path_factory, copy_released, answers):
    """Everybody of CLASS and one who changed nothing, graded in one batch."""
    course = copy_released(tmp_path_factory.mktemp("class"))
    for attendee, changes in CLASS.items():
        course.submit_answers(attendee, {**answers, **changes})
    course.submit_answers("blank", {})
    done = course.grade()
    assert (done.judged, done.troubles) == (len(CLASS) + 1, ())
    return course


@pytest.mark.parametrize(
    ("attendee", "expected"),
    [
        ("right", FULL),
        ("partly", {**FULL, "check-double": 0.0}),
        ("blank", NOTHING),
        ("raising", {**FULL, "check-largest": 0.0}),
        ("almost", {**FULL, "check-total": 0.0}),
        # A warning on stderr costs nothing, unlike in nbgrader.
        ("noisy", FULL),
        # The kernel is gone, but what had passed before stays.
        ("quitting", {**NOTHING, "check-total": 2.0}),
        ("endless", {**FULL, "check-double": 0.0}),
        ("typing-wrong", {**FULL, "check-total": 0.0}),
        ("printing", FULL),
    ],
)
def test_points_are_what_was_earned(class_graded, attendee, expected):
    assert class_graded.scores()[attendee] == expected


@pytest.mark.parametrize(
    ("attendee", "check", "cause", "reason"),
    [
        ("raising", "check-largest", "NameError", "NameError: name 'largest' is not defined"),
        ("almost", "check-total", "AssertionError", "AssertionError: a sum of other numbers is"),
        ("blank", "check-total", "NotImplementedError", "NotImplementedError"),
        ("quitting", "check-double", "Stopped", "Stopped: the submission ended its own process"),
    ],
)
def test_a_verdict_says_why(class_graded, attendee, check, cause, reason):
    cell = class_graded.cell(attendee, check)
    assert (cell["outcome"], cell["cause"]) == ("failed", cause)
    assert cell["reason"].startswith(reason)


def test_a_notebook_that_ends_its_kernel_keeps_what_had_passed(released_in_kernel, answers):
    released_in_kernel.submit_answers("ada", {**answers, **CLASS["quitting"]})
    released_in_kernel.grade()
    assert released_in_kernel.scores()["ada"] == {**NOTHING, "check-total": 2.0}
    cell = released_in_kernel.cell("ada", "check-double")
    assert (cell["outcome"], cell["cause"]) == ("failed", "KernelDied")
    assert cell["reason"].startswith("this check did not run: the notebook ended")


def test_a_flood_of_output_does_not_reach_the_notebook(class_graded):
    notebook = class_graded.folder.autograded("printing", "sums") / "sums.ipynb"
    assert notebook.stat().st_size < 2_000_000


def test_nobody_needs_an_assistant_for_honest_failures(class_graded):
    assert class_graded.grade().queue == ()


def test_feedback_shows_the_reason_but_no_hidden_check(class_graded):
    page = (class_graded.folder.feedback("almost", "sums") / "sums.html").read_text()
    assert "a sum of other numbers is wrong" in page
    assert "canary-text-of-hidden-test" not in page
    assert "[7, 35]" not in page


def test_an_unchanged_submission_is_not_judged_again(released, answers):
    released.submit_answers("ada", answers)
    released.grade()
    autograded = released.folder.autograded("ada", "sums") / "sums.ipynb"
    before = autograded.stat().st_mtime_ns
    again = released.grade()
    assert (again.judged, again.unchanged, again.feedback_sent) == (0, 1, 0)
    assert autograded.stat().st_mtime_ns == before
    assert released.grade(force=True).judged == 1


def test_a_resubmission_takes_the_place_of_the_older_one(released, answers):
    released.submit_answers("ada", answers)
    released.grade()
    released.submit_answers("ada", {}, stamp="2026-12-01 11:00:00 UTC")
    done = released.grade()
    assert (done.judged, done.feedback_sent) == (1, 1)
    assert released.scores()["ada"] == NOTHING


def test_another_environment_is_judged_anew(released, answers):
    released.submit_answers("ada", answers)
    released.grade()
    light = released.settings.environments["light"]
    rebuilt = {"light": light.model_copy(update={"identity": "light-2"})}
    assert released.with_settings(environments=rebuilt).grade().judged == 1


def test_scores_that_somebody_changed_are_written_again(released, change_gradebook):
    released.submit_answers("ada", {})
    released.grade()
    change_gradebook(released, "update grade set auto_score = 5")
    released.grade()
    assert released.scores()["ada"] == NOTHING


def test_a_mark_by_hand_stays_and_is_sent_as_feedback(released, change_gradebook):
    released.submit_answers("ada", {})
    released.grade()
    change_gradebook(released, "update grade set manual_score = 1.5")
    assert released.grade().feedback_sent == 1
    released.grade(force=True)
    results = released.results()
    assert [cell.score for cell in results.submissions[0].cells] == [1.5, 1.5, 1.5]
    assert results.submissions[0].cells[0].reason == "marked by hand"


def test_only_the_attendees_asked_for_are_judged(released, answers):
    released.submit_answers("ada", answers)
    released.submit_answers("grace", answers)
    assert released.grade(only=frozenset({"grace"})).judged == 1
    assert set(released.scores()) == {"grace"}


def test_a_backup_of_the_gradebook_precedes_every_batch(released, answers):
    released.submit_answers("ada", answers)
    released.grade()
    released.grade()
    assert len(list(released.folder.backups.glob("gradebook-*.db"))) == 1
