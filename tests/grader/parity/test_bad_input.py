"""In a plain nbgrader course with our one line: what is broken is named, and stops nobody."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.notebooknode import NotebookNode

from tests.grader.parity.both_ways import LINE, Course, Place, environment, grade_id
from tests.grader.parity.sources import put_source
from tests.grader.parity.submissions import Row, submit

CHECKS = {"check_count_words": 2, "check_greet": 1, "check_greet_patched": 1, "check_vowels": 1}


def _text(content: str) -> Callable[[Path], None]:
    return lambda file: file.unlink() or file.write_text(content)


def _cells(change: Callable[[NotebookNode], None]) -> Callable[[Path], None]:
    def changed(file: Path) -> None:
        notebook = nbformat.read(file, as_version=4)
        change(notebook)
        file.write_text(json.dumps(notebook))

    return changed


def _huge(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.truncate(500_000_000)


def _link(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.parents[3] / "source/texts/words.ipynb")


def _twice(notebook: NotebookNode) -> None:
    notebook.cells += copy.deepcopy([cell for cell in notebook.cells if grade_id(cell)])


def _old_schema(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        if grade_id(cell):
            cell.metadata.nbgrader.schema_version = 1


def _odd_metadata(notebook: NotebookNode) -> None:
    notebook.metadata = {"kernelspec": {"name": "other"}, "language_info": []}
    for cell in notebook.cells:
        cell.metadata["tags"] = 7


def _format_3(file: Path) -> None:
    notebook = nbformat.convert(nbformat.read(file, as_version=4), 3)
    file.write_text(nbformat.v3.writes_json(notebook))


#: Graded as if nothing were wrong.
MENDED = {
    "twice": _cells(_twice),
    "old-schema": _cells(_old_schema),
    "odd-metadata": _cells(_odd_metadata),
    "format-3": _format_3,
}
#: What is done to one of two notebooks, and the reason for the assistant.
UNREADABLE = {
    "not-json": (_text("{ no"), "words.ipynb is not JSON"),
    "binary": (_text("\x00\x01"), "words.ipynb is not JSON"),
    "a-list": (_text("[1]"), "words.ipynb is JSON, but not a notebook"),
    "script": (_text('{"nbformat": "<script>alert(1)</script>"}'), "words.ipynb has notebook for"),
    "format-5": (_text('{"nbformat": 5, "cells": []}'), "words.ipynb has notebook format 5, not 4"),
    "huge": (_huge, "words.ipynb is larger than 50 MB"),
    "link": (_link, "words.ipynb is a link, not a notebook"),
    "another-lab": (
        _cells(lambda notebook: notebook.cells.clear()),
        "no check of this lab is in the notebook",
    ),
}
HONEST = ("aaa", "zzz")


@pytest.fixture(scope="module")
def course(nlp_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """All of them in one batch, between two honest ones."""
    root = tmp_path_factory.mktemp("bad")
    course = Course(root / "course", environment(nlp_python, root / "jupyter"))
    (course.root / "source").mkdir(parents=True)
    put_source(course.root, "texts")
    course.configure(LINE)
    assert course.nbgrader("generate_assignment", "texts").returncode == 0
    for name in (*HONEST, *MENDED, *UNREADABLE):
        submit(course, "texts", Row(name=name))
        change = UNREADABLE.get(name, (MENDED.get(name, lambda file: None),))[0]
        change(course.root / "submitted" / name / "texts/words.ipynb")
    done = course.nbgrader("autograde", "texts")
    assert done.returncode == 0, done.stderr
    return course


def _scores(course: Course, name: str, notebook: str) -> dict[str, float | None]:
    marks = course.marks().items()
    return {
        place.cell: mark.score
        for place, mark in marks
        if (place.student, place.notebook) == (name, notebook) and place.cell.startswith("check")
    }


@pytest.mark.parametrize("name", [*HONEST, *MENDED])
def test_what_can_be_mended_is_graded_whole(course: Course, name: str) -> None:
    assert _scores(course, name, "words") == CHECKS


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_waits_with_a_reason(course: Course, name: str) -> None:
    assert _scores(course, name, "words") == dict.fromkeys(CHECKS)
    verdicts = course.verdicts("texts")
    for cell in CHECKS:
        verdict = verdicts[Place(name, "words", cell)]
        assert verdict["outcome"] == "not judged"
        assert verdict["reason"].startswith(UNREADABLE[name][1])


@pytest.mark.parametrize("name", [*MENDED, *UNREADABLE])
def test_its_other_notebook_is_graded(course: Course, name: str) -> None:
    assert sum(_scores(course, name, "files").values()) == 4


def test_the_formgrader_and_the_feedback_show_why(course: Course) -> None:
    shown = (course.root / "autograded/script/texts/words.ipynb").read_text()
    assert "could not be read" in shown
    done = course.nbgrader("generate_feedback", "texts")
    assert done.returncode == 0, done.stderr
    page = (course.root / "feedback/script/texts/words.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_nothing_that_was_handed_in_is_lost(course: Course) -> None:
    assert (course.root / "submitted/huge/texts/words.ipynb").stat().st_size == 500_000_000
    assert (course.root / "submitted/not-json/texts/words.ipynb").read_text() == "{ no"
    assert {place.student for place in course.marks()} == {*HONEST, *MENDED, *UNREADABLE}
