"""What attendees hand in gets the points that it earned, and nothing else."""

from __future__ import annotations

FULL = {"check-total": 2.0, "check-double": 3.0, "check-largest": 5.0}
NOTHING = dict.fromkeys(FULL, 0.0)


def test_right_answers_have_full_marks(released, answers, scores):
    released.submit_answers("ada", answers)
    done = released.grade()
    assert (done.judged, done.queue, done.troubles) == (1, (), ())
    assert scores(released) == {"ada": FULL}


def test_partly_right_has_exactly_its_exercises(released, answers, scores):
    released.submit_answers("ada", {**answers, "double": "def double(values):\n    return values"})
    released.grade()
    assert scores(released)["ada"] == {**FULL, "check-double": 0.0}


def test_blank_has_nothing(released, scores):
    released.submit_answers("ada", {})
    assert released.grade().queue == ()
    assert scores(released)["ada"] == NOTHING


def test_raising_keeps_what_passed(released, answers, scores, verdicts):
    released.submit_answers("ada", {**answers, "largest": "raise RuntimeError('oh no')"})
    released.grade()
    assert scores(released)["ada"] == {**FULL, "check-largest": 0.0}
    failed = verdicts(released, "ada")["cells"][2]
    assert (failed["cell"], failed["outcome"], failed["cause"]) == (
        "check-largest",
        "failed",
        "NameError",
    )


def test_an_authored_reason_reaches_the_verdict(released, answers, verdicts):
    released.submit_answers("ada", {**answers, "total": "def total(values):\n    return 10"})
    released.grade()
    assert verdicts(released, "ada")["cells"][0]["reason"] == (
        "AssertionError: a sum of other numbers is wrong"
    )


def test_stderr_costs_nothing(released, answers, scores):
    noisy = "import sys\ndef total(values):\n    print('careful', file=sys.stderr)\n    return sum(values)"
    released.submit_answers("ada", {**answers, "total": noisy})
    released.grade()
    assert scores(released)["ada"] == FULL


def test_a_killed_kernel_keeps_what_passed_before(released, answers, scores, verdicts):
    released.submit_answers("ada", {**answers, "double": "import os\nos._exit(0)"})
    released.grade()
    assert scores(released)["ada"] == {**NOTHING, "check-total": 2.0}
    assert verdicts(released, "ada")["cells"][1]["reason"] == (
        "this check did not run: the notebook ended its own kernel (exit status 0)"
    )


def test_an_endless_loop_costs_its_own_cells_only(released, answers, scores):
    released.submit_answers("ada", {**answers, "double": "while True:\n    pass"})
    released.grade()
    assert scores(released)["ada"] == {**FULL, "check-double": 0.0}


def test_a_resubmission_takes_the_place_of_the_older_one(released, answers, scores):
    released.submit_answers("ada", answers)
    released.grade()
    released.submit_answers("ada", {}, stamp="2026-12-01 11:00:00 UTC")
    assert released.grade().judged == 1
    assert scores(released)["ada"] == NOTHING


def test_an_unchanged_submission_is_not_judged_again(released, answers):
    released.submit_answers("ada", answers)
    released.grade()
    autograded = released.folder.autograded("ada", "sums") / "sums.ipynb"
    before = autograded.stat().st_mtime_ns
    again = released.grade()
    assert (again.judged, again.unchanged, again.feedback_sent) == (0, 1, 0)
    assert autograded.stat().st_mtime_ns == before
    assert released.grade(force=True).judged == 1


def test_another_environment_is_judged_anew(released, answers):
    released.submit_answers("ada", answers)
    released.grade()
    light = released.settings.environments["light"]
    rebuilt = light.model_copy(update={"identity": "light-2"})
    other = type(released)(
        released.settings.model_copy(update={"environments": {"light": rebuilt}})
    )
    assert other.grade().judged == 1


def test_scores_that_somebody_changed_are_written_again(released, answers, scores):
    import sqlite3

    released.submit_answers("ada", {})
    released.grade()
    with sqlite3.connect(released.folder.gradebook) as database:
        database.execute("update grade set auto_score = 5")
    released.grade()
    assert scores(released)["ada"] == NOTHING


def test_a_mark_by_hand_stays(released, answers):
    import sqlite3

    released.submit_answers("ada", {})
    released.grade()
    with sqlite3.connect(released.folder.gradebook) as database:
        database.execute("update grade set manual_score = 1.5")
    done = released.grade(force=True)
    assert done.feedback_sent == 1
    with sqlite3.connect(released.folder.gradebook) as database:
        assert {row[0] for row in database.execute("select manual_score from grade")} == {1.5}


def test_only_the_attendees_asked_for_are_judged(released, answers, scores):
    released.submit_answers("ada", answers)
    released.submit_answers("grace", answers)
    assert released.grade(only=frozenset({"grace"})).judged == 1
    assert set(scores(released)) == {"grace"}


def test_a_backup_of_the_gradebook_precedes_every_batch(released, answers):
    released.submit_answers("ada", answers)
    released.grade()
    assert len(list(released.folder.backups.glob("gradebook-*.db"))) == 1
    released.grade()
    assert len(list(released.folder.backups.glob("gradebook-*.db"))) == 1
