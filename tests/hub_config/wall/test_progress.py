"""What the wall makes of the grader's files."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub_config.wall.progress import (
    ReleasedLabs,
    Verdict,
    VerdictFolder,
    exercises_of,
    work_of,
)

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def verdict(number: int, cells: dict[str, str], **changes: object) -> Verdict:
    told = {
        "attendee": "ada",
        "lab": "sums",
        "snapshot": f"{number:06d}-x",
        "submitted_at": NOW + timedelta(minutes=number),
        "judged_at": NOW + timedelta(minutes=number, seconds=5),
        "cells": [
            {
                "cell": cell,
                "outcome": outcome.partition(":")[0],
                "cause": outcome.partition(":")[2],
                "reason": "because",
                "points": 0,
            }
            for cell, outcome in cells.items()
        ],
        "final": True,
    }
    return Verdict.model_validate(told | changes)


def test_submissions_that_pass_nothing_new_are_counted_from_the_last_that_did() -> None:
    found = work_of(
        [
            verdict(1, {"a": "failed", "b": "failed"}),
            verdict(2, {"a": "passed", "b": "failed"}),
            verdict(3, {"a": "passed", "b": "failed"}),
            # Passed before, broken, passed again: nothing new.
            verdict(4, {"a": "failed", "b": "failed"}),
            verdict(5, {"a": "passed", "b": "failed"}),
        ]
    )
    assert (found.submissions, found.barren, found.at) == (5, 3, "b")
    assert found.passed_at == {"a": NOW + timedelta(minutes=2)}


def test_a_snapshot_that_was_judged_twice_counts_once_as_it_was_judged_last() -> None:
    first = verdict(1, {"a": "not judged"})
    again = verdict(1, {"a": "passed"}, judged_at=NOW + timedelta(hours=1))
    found = work_of([again, first])
    assert (found.submissions, found.outcomes, found.not_judged) == (1, {"a": "passed"}, {})


def test_nobody_is_stuck_at_an_exercise_that_she_has_not_begun() -> None:
    cells = {"a": "failed:NotImplementedError", "b": "failed:AssertionError"}
    assert work_of([verdict(1, cells)]).at == "b"


def test_what_nobody_could_judge_keeps_its_reason() -> None:
    found = work_of([verdict(1, {"a": "not judged", "b": "by hand"})])
    assert found.not_judged == {"a": "because"}


def test_verdicts_are_read_once_and_again_when_they_change(tmp_path: Path) -> None:
    file = tmp_path / "sums" / "ada" / "one.json"
    file.parent.mkdir(parents=True)
    file.write_text(verdict(1, {"a": "failed"}).model_dump_json())
    (file.parent / "broken.json").write_text("{")
    folder = VerdictFolder(tmp_path)
    assert folder.work(["sums", "not-there"])[0].outcomes == {"a": "failed"}
    unchanged = file.stat()
    file.write_text(verdict(1, {"a": "passed"}).model_dump_json())
    os.utime(file, ns=(unchanged.st_atime_ns, unchanged.st_mtime_ns))
    assert file.stat().st_size == unchanged.st_size
    # Same time, same size: it was not opened.
    assert folder.work(["sums"])[0].outcomes == {"a": "failed"}
    # Not "now": kernels before 6.13 write the same time for a few milliseconds.
    os.utime(file, ns=(unchanged.st_atime_ns, unchanged.st_mtime_ns + 1))
    assert folder.work(["sums"])[0].outcomes == {"a": "passed"}


def notebook() -> dict[str, object]:
    graded = {"nbgrader": {"grade": True, "grade_id": "check-add", "points": 2}}
    return {
        "cells": [
            {"cell_type": "markdown", "source": ["# Sums\n", "\n", "## Exercise 1: add #\n"]},
            {"cell_type": "code", "source": "", "metadata": {}},
            {"cell_type": "code", "source": "", "metadata": graded},
        ]
    }


def test_an_exercise_is_called_as_the_nearest_heading_above_it() -> None:
    (found,) = exercises_of(notebook(), "Sums")
    assert (found.cell, found.title, found.points) == ("check-add", "Exercise 1: add", 2)


def test_only_released_labs_are_on_the_wall_and_a_lost_notebook_is_no_disaster(
    tmp_path: Path,
) -> None:
    spec = {"labs": [{"name": name, "title": name.title()} for name in ("sums", "texts", "later")]}
    for name in ("sums", "texts"):
        record = tmp_path / "records" / "release" / f"{name}.json"
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text("{}")
    source = tmp_path / "source" / "sums" / "sums.ipynb"
    source.parent.mkdir(parents=True)
    source.write_text(json.dumps(notebook()))
    sums, texts = ReleasedLabs(tmp_path).read(spec)
    assert (sums.title, len(sums.exercises)) == ("Sums", 1)
    assert texts.exercises == ()
