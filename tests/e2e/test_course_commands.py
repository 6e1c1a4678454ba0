"""An author's day: begin a lab, look at it, prove it, break it, read what is broken."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.e2e.running import WORKSHOP

COURSE = """
name: mine
title: Mine
labs:
  - {name: first, title: First, folder: first, environment: nlp-cpu}
"""


@pytest.fixture(scope="module")
def author(state_root, tmp_path_factory):
    """Runs `workshop course ...` on a course of its own."""
    folder = tmp_path_factory.mktemp("author")
    (folder / "course.yaml").write_text(COURSE)
    (folder / "taken").mkdir()

    def run(*arguments):
        command = [WORKSHOP, "--state", state_root, "course", "--course", folder, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=540, cwd=folder)

    run.folder = folder
    return run


@pytest.mark.thorough
def test_a_new_lab_is_proved_and_shown_at_once(author):
    new = author("new", "which-words", "--title", "Which words?")
    assert new.returncode == 0, new.stderr
    assert str(author.folder / "which-words") in new.stdout
    proved = author("prove", "which-words")
    assert proved.returncode == 0, proved.stdout + proved.stderr
    assert "which-words: 6 points, 3 exercises" in proved.stdout
    assert "BROKEN" not in proved.stdout
    assert (author.folder / "which-words/proof.json").is_file()
    shown = author("preview", "which-words", "--to", "out")
    assert shown.returncode == 0, shown.stderr
    page = (author.folder / "out/which-words/reference.html").read_text()
    assert "image/png" in page
    release = json.loads((author.folder / "out/which-words/release.ipynb").read_text())
    text = "".join("".join(cell["source"]) for cell in release["cells"])
    assert "raise NotImplementedError()" in text
    assert "BEGIN" not in text


def test_what_is_broken_is_said_and_the_exit_code_says_so_too(author):
    begun = author("new", "word-counts")
    assert begun.returncode == 0, begun.stderr
    answers = author.folder / "word-counts/mutants.yaml"
    answers.write_text(
        answers.read_text() + "- name: right\n  cell: average\n"
        "  source: 'def average(values): return sum(values) / max(len(values), 1)'\n"
        "  loses: [check_average]\n"
    )
    proved = author("prove", "word-counts", "--only", "wrong-answers", "--json")
    assert proved.returncode == 1
    (proof,) = json.loads(proved.stdout)
    assert proof["findings"] == ["wrong answer 'right' to average passes check_average"]
    assert "docs/authors.md" in proved.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("prove", "nothing"), "there is no lab 'nothing'"),
        (("prove", "word-counts", "--only", "mutans"), "mutans"),
        (("new", "taken"), "is there already"),
        (("new", "Word Counts"), "can't be called"),
        (("prove", "first"), "there is no lab 'first'"),
    ],
)
def test_what_cannot_be_done_is_one_message(author, arguments, words):
    done = author(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
