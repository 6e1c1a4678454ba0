"""What travels to a worker host arrives as it was, and a lab has a name by its bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from grader.scheduling.engines import SealedRun
from grader.scheduling.order import (
    LabPart,
    Order,
    lab_part,
    order,
    read_lab_part,
    read_order,
    solution_of,
    untouched_of,
)
from grader.sealed.limits import Limits
from grader.sealed.submission import AuthorCell, Step, Submission

CELLS = (
    AuthorCell("setup", "locked", "import os"),
    AuthorCell("a", "solution", "x = 2"),
    AuthorCell("t", "test", "assert x == 2"),
)
LAB = LabPart("light", "light-1", CELLS, {"data/ä.bin": bytes(range(256))})


def test_a_run_arrives_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "n.txt").write_text("1\n")
    (tmp_path / "data" / "link").symlink_to("/etc/passwd")
    steps = (Step("a", "student", 'x = "\\udcff ä"'), Step("t", "test"))
    files = {"notes/mine.txt": b"\xff\x00"}
    run = SealedRun("light", Submission(steps, CELLS, tmp_path, files), Limits(cell_seconds=3.5))
    lab = lab_part(run, "light-1")
    asked = order(run, lab.key)
    assert read_lab_part(lab.text) == lab
    assert read_order(asked.text) == asked
    assert dict(lab.data) == {"data/n.txt": b"1\n"}
    assert (asked.steps, dict(asked.files), asked.limits) == (steps, files, run.limits)


@pytest.mark.parametrize(
    "change",
    [
        {"kernel": "other"},
        {"identity": "light-2"},
        {"author_cells": CELLS[:2]},
        {"data": {"data/ä.bin": b""}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_lab_has_another_key(change: dict[str, object]) -> None:
    assert replace(LAB, **change).key != LAB.key
    assert replace(LAB).key == LAB.key


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../b", ""])
def test_a_file_stays_where_it_belongs(name: str) -> None:
    with pytest.raises(ValueError, match="a file is called"):
        read_lab_part(replace(LAB, data={name: b""}).text)
    with pytest.raises(ValueError, match="a file is called"):
        read_order(Order("k", (), {name: b""}, Limits()).text)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"lab": 1}'])
def test_anything_else_is_no_order(text: str) -> None:
    with pytest.raises(ValueError, match="no order of ours"):
        read_order(text)


def test_the_canary_is_made_of_the_authors_own_cells() -> None:
    solution, untouched = solution_of(LAB, None), untouched_of(LAB, None)
    assert [(step.id, step.kind) for step in solution.steps] == [
        ("setup", "locked"),
        ("a", "student"),
        ("t", "test"),
    ]
    assert solution.steps[1].source == "x = 2"
    assert untouched.steps[1].source == "raise NotImplementedError()"
    assert untouched.steps[0].source == "import os"
