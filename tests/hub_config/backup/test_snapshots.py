"""Only complete copies count, a few are kept, and a kill at any moment leaves the newest one."""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hub_config.backup.snapshots import HOURS, NEWEST, About, Shelf, kept
from hub_config.install import Owner

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
ME = Owner(os.getuid(), os.getgid())
CHANGES = {"subprocess.Popen", "os.rename", "os.mkdir", "os.remove", "os.symlink", "os.chmod"}


def add(shelf: Shelf, at: datetime) -> None:
    with shelf.held():
        files = shelf.begin(ME)
        (files / "notes").write_text(str(at))
        shelf.complete(files, About(at=at, host="gpu-01"))
        shelf.tidy()


def test_what_is_not_complete_does_not_count(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "ada")
    with shelf.held():
        shelf.begin(ME)
    assert shelf.newest is None
    add(shelf, NOON)
    with shelf.held():
        (shelf.begin(ME) / "half").write_text("")
    assert shelf.newest is not None
    assert shelf.newest.about.at == NOON
    assert (shelf.newest.files / "notes").is_file()


def test_three_newest_and_the_last_of_three_hours_are_kept(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "ada")
    for minute in range(0, 241, 20):
        add(shelf, NOON + timedelta(minutes=minute))
    stamps = [path.name[9:13] for path in sorted((shelf.folder / "snapshots").iterdir())]
    assert stamps == ["1440", "1520", "1540", "1600"]
    assert list((shelf.folder / "unfinished").iterdir()) == []


@given(st.sets(st.integers(0, 10**6), min_size=1, max_size=40))
def test_the_newest_always_stays_and_never_many_do(minutes: set[int]) -> None:
    stamps = [f"{NOON + timedelta(minutes=each):%Y%m%dT%H%M%S.%fZ}" for each in minutes]
    keep = kept(stamps)
    assert max(stamps) in keep
    assert keep <= set(stamps)
    assert len(keep) <= NEWEST + HOURS


def test_a_clock_that_was_set_back_does_not_make_an_old_copy_the_newest(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "ada")
    for hours in (9, 8, 7, 6, 5, 4, 0):
        add(shelf, NOON + timedelta(hours=hours))
    assert shelf.newest is not None
    assert shelf.newest.about.at == NOON


def test_killed_before_any_step_the_newest_copy_is_whole_and_the_next_one_tidies_up(
    tmp_path: Path,
) -> None:
    shelf, step = Shelf(tmp_path, "ada"), 0
    add(shelf, NOON)
    last = NOON
    while _killed(shelf, at := NOON + timedelta(minutes=step + 1), step):
        newest = shelf.newest
        assert newest is not None
        assert newest.about.at in (last, at)
        last = newest.about.at
        assert (newest.files / "notes").read_text() == str(last)
        step += 1
    # Folders, a file that says what it is, two renames, the link, what is removed.
    assert step >= 8
    assert list((shelf.folder / "unfinished").iterdir()) == []


def _killed(shelf: Shelf, at: datetime, steps: int) -> bool:
    """Make a copy, in a process that is killed before its n-th change to the disk."""
    child = os.fork()
    if child == 0:
        left = iter(range(steps))

        def count(event: str, details: object) -> None:
            if event in CHANGES and next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            add(shelf, at)
        finally:
            os._exit(0 if shelf.newest and shelf.newest.about.at == at else 1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or status == 0
    return os.WIFSIGNALED(status)
