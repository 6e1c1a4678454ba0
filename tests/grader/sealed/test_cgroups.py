"""Control groups of engines that were killed are removed by the next one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.sealed import cgroups
from grader.sealed.cgroups import remove_stale_groups

NOBODY = 2**22 + 1  # greater than any process number


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroups, "_ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("place", [".", "memory"])
def test_groups_of_the_dead_are_removed_and_no_others(groups: Path, place: str) -> None:
    kept = {f"sealed-{os.getpid()}-ab-0", "sealed-", f"other-{NOBODY}", "system.slice"}
    for name in (*kept, f"sealed-{NOBODY}-ab-0", f"sealed-{NOBODY}-ab-1"):
        (groups / place / name).mkdir(parents=True)
    remove_stale_groups()
    assert {path.name for path in (groups / place).iterdir()} == kept


def test_a_group_that_goes_meanwhile_is_passed_over(
    groups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, stale = groups / f"sealed-{os.getpid()}-ab-0", groups / f"sealed-{NOBODY}-ab-0"
    for path in (going, stale):
        path.mkdir()
    look = os.scandir

    def look_too_late(folder: Path) -> Iterator[os.DirEntry[str]]:
        if Path(folder) == going:
            going.rmdir()
        return look(folder)

    monkeypatch.setattr(os, "scandir", look_too_late)
    remove_stale_groups()
    assert not list(groups.iterdir())
