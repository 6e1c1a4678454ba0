"""What strangers hand in is read without following or believing it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nbformat
import pytest
from nbgrader.utils import find_all_files

from grader.submissions import Submission, UnreadableSubmission, read_handed_in


@pytest.fixture
def submission(tmp_path: Path) -> Submission:
    folder = tmp_path / "submitted/ada/sums"
    folder.mkdir(parents=True)
    return Submission("ada", "sums", folder)


def handed_in(submission: Submission, content: dict) -> nbformat.NotebookNode:
    submission.notebook.write_text(json.dumps(content))
    return read_handed_in(submission.notebook)


def notebook(**cell) -> dict:
    usual = {"cell_type": "code", "source": "1", "metadata": {}, "outputs": []}
    cells = [{**usual, "execution_count": None, **cell}]
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}


def test_nbgrader_copies_no_link_and_no_pipe(submission: Submission, tmp_path: Path) -> None:
    (tmp_path / "gradebook.db").write_text("everybody's")
    (submission.folder / "[x]").mkdir()
    for name in ("link", "[a]*?", "[x]/inside"):
        (submission.folder / name).symlink_to(tmp_path / "gradebook.db")
    os.mkfifo(submission.folder / "pipe")
    (submission.folder / "notes.txt").write_text("mine")
    (submission.folder / "a").write_text("mine")
    copied = find_all_files(str(submission.folder), submission.links())
    assert sorted(Path(file).name for file in copied) == ["a", "notes.txt"]


def test_of_a_damaged_notebook_what_counts_is_kept(submission: Submission) -> None:
    mark = {"grade_id": "total", "points": "many"}
    content = notebook(metadata={"nbgrader": mark, "tags": 7, "name": {}})
    content["metadata"] = {"language_info": []}
    read = handed_in(submission, content)
    nbformat.validate(read)
    assert read.cells[0].source == "1"
    assert read.cells[0].metadata == {"nbgrader": mark}


def test_a_sound_notebook_stays_as_it_is(submission: Submission) -> None:
    content = notebook(metadata={"tags": ["mine"], "jupyter": {"source_hidden": True}})
    content["metadata"] = {"title": "My work"}
    assert handed_in(submission, content) == content


def test_half_a_character_does_not_survive(submission: Submission) -> None:
    read = handed_in(submission, notebook(source="'\ud83d'"))
    assert read.cells[0].source == "'?'"


@pytest.mark.parametrize("cell", [{"cell_type": "heading"}, {"source": 5}, {"metadata": None}])
def test_a_cell_without_kind_or_text_is_refused(submission: Submission, cell: dict) -> None:
    with pytest.raises(UnreadableSubmission, match=r"sums.ipynb (is|has) a damaged"):
        handed_in(submission, notebook(**cell))
