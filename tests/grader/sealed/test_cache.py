"""A kept outcome is found again for the same bytes and for nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from grader.sealed.cache import Cache, key_of
from grader.sealed.limits import Limits
from grader.sealed.submission import AuthorCell, CellOutcome, Outcome, Step, Submission

SUBMISSION = Submission(
    steps=(Step("a", "student", "x = 1"), Step("t", "test")),
    author_cells=(AuthorCell("a", "solution", "x = 2"), AuthorCell("t", "test", "assert x")),
)
OUTCOME = Outcome(
    cells=(
        CellOutcome("a", "student", None, outputs=({"output_type": "stream", "text": "hi"},)),
        CellOutcome("t", "test", "failed", reason="no", cause="AssertionError"),
    ),
    seconds=1.5,
)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_the_same_submission_finds_the_same_outcome(cache: Cache) -> None:
    key = key_of(SUBMISSION, "lock", Limits())
    assert cache.find(key) is None
    assert cache.keep(key, OUTCOME)
    assert cache.find(key_of(SUBMISSION, "lock", Limits())) == OUTCOME


CHANGES: dict[str, Callable[[Submission], Submission]] = {
    "a character of the answer": lambda s: replace(
        s, steps=(Step("a", "student", "x = 1 "), s.steps[1])
    ),
    "a character of a test": lambda s: replace(
        s, author_cells=(s.author_cells[0], AuthorCell("t", "test", "assert  x"))
    ),
    "the kind of a cell": lambda s: replace(
        s, author_cells=(AuthorCell("a", "plain", "x = 2"), s.author_cells[1])
    ),
    "the order of cells": lambda s: replace(s, steps=s.steps[::-1]),
    "a file": lambda s: replace(s, files={"a.txt": b""}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_another_key(what: str) -> None:
    changed = CHANGES[what](SUBMISSION)
    assert key_of(changed, "lock", Limits()) != key_of(SUBMISSION, "lock", Limits())


def test_bytes_that_move_from_a_name_into_a_file_are_another_key() -> None:
    keys = {
        key_of(replace(SUBMISSION, files=files), "lock", Limits())
        for files in ({"a": b"bc"}, {"ab": b"c"}, {"a": b"b", "c": b""})
    }
    assert len(keys) == 3


def test_environment_limits_and_data_are_in_the_key(tmp_path: Path) -> None:
    data = replace(SUBMISSION, data_folder=tmp_path)
    (tmp_path / "a").write_text("1")
    keys = [
        key_of(SUBMISSION, "lock", Limits()),
        key_of(SUBMISSION, "other lock", Limits()),
        key_of(SUBMISSION, "lock", Limits(cell_seconds=1)),
        key_of(data, "lock", Limits()),
    ]
    (tmp_path / "a").write_text("2")
    keys.append(key_of(data, "lock", Limits()))
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("change", [{"judgement": "not judged"}, {"stopped": True}])
def test_what_another_run_might_change_is_not_kept(change: dict[str, object], cache: Cache) -> None:
    outcome = replace(OUTCOME, cells=(replace(OUTCOME.cells[1], **change),))  # type: ignore[arg-type]
    assert not cache.keep("ab", outcome)
    assert cache.find("ab") is None


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"key": "ab", "outcome": {"cells": 3}}'])
def test_a_damaged_file_is_no_hit(damage: str, cache: Cache, tmp_path: Path) -> None:
    cache.keep("ab", OUTCOME)
    (file,) = (tmp_path / "cache").rglob("*.json")
    file.write_text(damage)
    assert cache.find("ab") is None


def test_a_file_under_another_name_is_no_hit(cache: Cache, tmp_path: Path) -> None:
    cache.keep("ab", OUTCOME)
    (file,) = (tmp_path / "cache").rglob("*.json")
    assert json.loads(file.read_text())["key"] == "ab"
    file.rename(file.with_name("abc.json"))
    assert cache.find("abc") is None


def test_what_is_old_is_forgotten(cache: Cache) -> None:
    key = key_of(SUBMISSION, "lock", Limits())
    cache.keep(key, OUTCOME)
    cache.forget_old(time.time())
    assert cache.find(key) == OUTCOME
    cache.forget_old(time.time() + 31 * 24 * 3600)
    assert cache.find(key) is None
