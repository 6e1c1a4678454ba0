"""`kill -9` at every step of packing the homes: everybody's work is still there, and found."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub_config.homes import archive_homes, ensure_home

FIRST = datetime(2026, 12, 1, 17, tzinfo=UTC)
SEATS = ("ada", "bob", "eve")
#: Runs archive_homes, and ends it before its n-th change to the disk.
KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from hub_config.homes import archive_homes

homes, archive, now, left = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
CHANGES = {"subprocess.Popen", "os.rename", "os.mkdir", "os.remove", "os.rmdir"}

def count(event, details):
    global left
    if event in CHANGES:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
archive_homes(homes, archive, datetime.fromisoformat(now))
"""


def test_killed_before_any_step_the_next_run_completes_it_and_no_work_is_lost(
    tmp_path: Path,
) -> None:
    step = 0
    while _killed_run(tmp_path / str(step), step):
        _check_nothing_is_lost(tmp_path / str(step))
        step += 1
    # mkdir, then per seat tar twice, rename, rename, rm.
    assert step >= 1 + 5 * len(SEATS)


def test_killed_again_and_again_it_still_gets_to_the_end(tmp_path: Path) -> None:
    _fill(tmp_path / "homes")
    for minute in range(12):
        _run(tmp_path, FIRST + timedelta(minutes=minute), steps=minute)
    _check_nothing_is_lost(tmp_path)


def _killed_run(folder: Path, steps: int) -> bool:
    _fill(folder / "homes")
    return _run(folder, FIRST, steps) == -signal.SIGKILL


def _run(folder: Path, now: datetime, steps: int) -> int:
    where = (str(folder / "homes"), str(folder / "archive"), now.isoformat(), str(steps))
    done = subprocess.run([sys.executable, "-c", KILLED, *where], capture_output=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def _fill(homes: Path) -> None:
    for seat in SEATS:
        for number in range(3):
            (homes / seat / f"lab{number}").mkdir(parents=True)
            (homes / seat / f"lab{number}" / "answer").write_text(f"{seat} {number}")


def _check_nothing_is_lost(folder: Path) -> None:
    """The next `down`, then `up`: every home is whole, and nothing half-made lies around."""
    homes, archive = folder / "homes", folder / "archive"
    archive_homes(homes, archive, FIRST + timedelta(hours=1))
    assert list(homes.iterdir()) == []
    assert list(archive.rglob("*.part")) == []
    for seat in SEATS:
        ensure_home(homes, seat, None, archive)
        for number in range(3):
            assert (homes / seat / f"lab{number}" / "answer").read_text() == f"{seat} {number}"
    assert sorted(path.name for path in homes.iterdir()) == sorted(SEATS)
    shutil.rmtree(folder)
