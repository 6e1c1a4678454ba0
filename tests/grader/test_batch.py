"""A batch comes to what nbgrader's own autograde comes to, one by one, and works in stages."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grader.judging import JudgeOfEachLab
from grader.kernel_judge import KernelJudge
from grader.sealed_judge import Memory, SealedJudge
from grader.standing import jobs_of

#: Everything that nbgrader keeps about submissions, without the numbers of rows.
ROWS = {
    "submissions": "select student_id, timestamp, extension from submitted_assignment",
    "notebooks": """
        select s.student_id, n.flagged, n.late_submission_penalty from submitted_notebook n
        join submitted_assignment s on s.id = n.assignment_id""",
    "grades": """
        select s.student_id, c.name, g.auto_score, g.manual_score, g.extra_credit,
        g.needs_manual_grade from grade g join base_cell c on c.id = g.cell_id
        join submitted_notebook n on n.id = g.notebook_id
        join submitted_assignment s on s.id = n.assignment_id""",
    "comments": """
        select s.student_id, c.name, m.auto_comment, m.manual_comment from comment m
        join base_cell c on c.id = m.cell_id
        join submitted_notebook n on n.id = m.notebook_id
        join submitted_assignment s on s.id = n.assignment_id""",
    "students": "select id, first_name, last_name, email from student",
}


def rows_of(course: Any) -> dict[str, list[Any]]:
    with sqlite3.connect(course.folder.gradebook) as database:
        return {name: sorted(database.execute(query), key=str) for name, query in ROWS.items()}


def files_of(course: Any) -> dict[str, Any]:
    """What lies below `autograded`: permissions and bytes; of a notebook its JSON, without the
    times that nbclient writes into it."""
    root = course.folder.root / "autograded"
    found: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            content: Any = path.read_bytes()
            if path.suffix == ".ipynb":
                content = json.loads(content)
                for cell in content["cells"]:
                    cell["metadata"].pop("execution", None)
            found[str(path.relative_to(root))] = (oct(path.stat().st_mode), content)
    return found


def hand_in(course: Any, answers: dict[str, str]) -> None:
    place = course.submit_answers("ada", answers)
    (place / "notes").mkdir()
    (place / "notes" / "mine.txt").write_text("my own file")
    (place / "data" / "numbers.txt").write_text("10\n")  # the lab's own counts
    (place / "link.txt").symlink_to(course.folder.gradebook)
    wrong = "def double(values):\n    return values"
    course.submit_answers("bob", {**answers, "double": wrong})
    course.submit_answers("eve", {}, stamp="2026-12-03 10:00:00 UTC")
    notebook = course.released_notebook()
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("grade"):
            meta["points"] = 100
            cell.source = "assert True"
    course.submit("cheat", json.dumps(notebook))


def with_late_rules(course: Any) -> None:
    with sqlite3.connect(course.folder.gradebook) as database:
        database.execute("update assignment set duedate = '2026-12-02 00:00:00.000000'")


@pytest.mark.parametrize("judging", ["sealed", "in-kernel"])
@pytest.mark.parametrize("late", [False, True])
def test_a_batch_writes_what_autograde_writes_one_by_one(
    tmp_path: Path,
    copy_released: Callable[..., Any],
    answers: dict[str, str],
    judging: str,
    late: bool,
) -> None:
    batch = copy_released(tmp_path / "batch", judging)
    single = copy_released(tmp_path / "single", judging)
    for course in (batch, single):
        hand_in(course, answers)
        if late:
            with_late_rules(course)
    place = batch.workplace()
    place.nbgrader.config.LateSubmissionPlugin.penalty_method = "zero"
    done = batch.grade_in(place)
    assert (done.judged, done.troubles) == (4, ())
    place = single.workplace()
    place.nbgrader.config.LateSubmissionPlugin.penalty_method = "zero"
    for job in jobs_of(place, single.spec, frozenset(), force=True):
        place.nbgrader.autograde(job.submission)
    assert rows_of(batch) == rows_of(single)
    assert files_of(batch) == files_of(single)
    penalties = {row[0]: row[2] for row in rows_of(batch)["notebooks"]}
    assert (penalties["eve"] is not None) == late


class NoJudge:
    """For what must come out without one."""

    def judge(self, *_: Any) -> Any:
        raise AssertionError("nobody should be judged")


def test_a_verdict_that_the_gradebook_lost_is_booked_without_a_judge(
    released: Any, answers: dict[str, str], change_gradebook: Callable[[Any, str], None]
) -> None:
    hand_in(released, answers)
    released.grade()
    before, files = rows_of(released), files_of(released)
    for table in ("grade", "comment", "submitted_notebook", "submitted_assignment"):
        change_gradebook(released, f"delete from {table}")
    place = replace(released.workplace(), judge=NoJudge())
    done = released.grade_in(place)
    assert (done.judged, done.unchanged, done.troubles) == (0, 4, ())
    assert rows_of(released) == before
    assert files_of(released) == files


def test_one_submission_that_cannot_be_written_does_not_stop_the_others(
    released: Any, answers: dict[str, str]
) -> None:
    for name in ("ada", "bob", "eve"):
        released.submit_answers(name, answers)
    blocked = released.folder.autograded("bob", "sums").parent
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where a folder should be")
    done = released.grade()
    assert len(done.troubles) == 1
    assert done.troubles[0].startswith("bob: sums: ")
    assert set(released.scores()) == {"ada", "eve"}
    blocked.unlink()
    assert (released.grade().judged, set(released.scores())) == (1, {"ada", "bob", "eve"})


@pytest.fixture
def remembering(released: Any, tmp_path: Path) -> Callable[[], tuple[Any, SealedJudge]]:
    """A workplace whose sealed judge remembers, with no environment warm yet."""

    def open_place() -> tuple[Any, SealedJudge]:
        settings = released.settings
        pythons = {name: one.python for name, one in settings.environments.items()}
        identities = {name: one.identity for name, one in settings.environments.items()}
        memory = Memory(released.folder.outcomes, identities)
        sealed = SealedJudge(pythons, settings.run, settings.limits, memory)
        kernels = KernelJudge(released.folder.kernels, settings.run, settings.limits)
        return replace(released.workplace(), judge=JudgeOfEachLab(sealed, kernels)), sealed

    return open_place


def test_the_same_cells_are_run_once(
    released: Any,
    answers: dict[str, str],
    remembering: Callable[[], tuple[Any, SealedJudge]],
) -> None:
    released.submit_answers("ada", answers)
    place, sealed = remembering()
    with sealed:
        released.grade_in(place)
        assert sealed.warm
    before = files_of(released)["ada/sums/sums.ipynb"]
    (released.folder.autograded("ada", "sums") / "sums.ipynb").unlink()
    released.submit_answers("twin", answers)
    place, sealed = remembering()
    with sealed:
        assert released.grade_in(place).judged == 2
        assert not sealed.warm
        found = files_of(released)
        assert found["ada/sums/sums.ipynb"] == before
        assert found["twin/sums/sums.ipynb"][1]["cells"] == before[1]["cells"]
        assert released.scores()["twin"] == released.scores()["ada"]
        # Asked to judge anew, it does.
        assert released.grade_in(place, force=True).judged == 2
        assert sealed.warm
