"""The jail holds for the accounts that graders run under."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.kernel_jail import JailSpec, jail_command
from grader.settings import Limits

ROOT = Path(__file__).parents[2]
ORDINARY = 61234

PROBE = """
import os, resource
def look(path):
    try:
        return sorted(os.listdir(path))
    except OSError as error:
        return type(error).__name__
print("PROBE", dict(
    uid=os.getuid(), homes=look("/home"), logs=look("/var/log"), root=look("/root"),
    etc="shadow" in look("/etc"), capabilities=[
        line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff")],
    others=[pid for pid in look("/proc") if pid.isdigit() and int(pid) > 20],
    processes=resource.getrlimit(resource.RLIMIT_NPROC)[0],
))
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that another account can reach: pytest's own are for one account only."""
    folder = Path(tempfile.mkdtemp(prefix="o"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def hand_over(folder: Path, uid: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)


@pytest.mark.parametrize(
    ("judging", "seen"),
    [
        (
            "sealed",
            "'homes': 'FileNotFoundError', 'logs': 'FileNotFoundError', "
            "'root': 'FileNotFoundError'",
        ),
        (
            "in-kernel",
            "'homes': ['attendee'], 'logs': 'FileNotFoundError', 'root': 'FileNotFoundError'",
        ),
    ],
)
def test_an_ordinary_account_grades_in_the_jail(place, copy_released, answers, judging, seen):
    uid = ORDINARY if os.geteuid() == 0 else os.geteuid()
    course = copy_released(place, judging)
    course = course.with_settings(run=place / "r")
    course.submit_answers("ada", {**answers, "double": PROBE})
    settings = course.settings_file()
    if os.geteuid() == 0:
        hand_over(place, uid)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "grader", "grade", str(settings)],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(place)},
        user=uid,
        group=os.getegid() if uid != ORDINARY else uid,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["judged"] == 1
    assert course.scores()["ada"] == {"check-total": 2, "check-double": 0, "check-largest": 5}
    notebook = (course.folder.autograded("ada", "sums") / "sums.ipynb").read_text()
    (line,) = [line for line in notebook.splitlines() if '"PROBE {' in line]
    assert "'uid': 1000" in line
    assert f"{seen}, 'etc': False" in line
    assert "'capabilities': ['0000000000000000'], 'others': [], 'processes': 200" in line


def test_only_data_files_are_bound(tmp_path):
    work = tmp_path / "work"
    (work / "data").mkdir(parents=True)
    for name in ("data/a.txt", "helper.py", "lab.ipynb", "data/other.ipynb", "timestamp.txt"):
        (work / name).write_text("")
    (work / "link.txt").symlink_to(tmp_path)
    (work / "linked").symlink_to(work / "data")
    spec = JailSpec(tmp_path / "run/k.json", Path(sys.executable), work, Limits().model_dump())
    command = jail_command(spec)
    bound = {word for word in command if word.startswith(str(work))}
    assert bound == {str(work / "data/a.txt"), str(work / "helper.py")}


def test_nothing_writable_is_bound_but_the_sockets_folder(tmp_path):
    spec = JailSpec(tmp_path / "run/k.json", Path(sys.executable), tmp_path, Limits().model_dump())
    command = jail_command(spec)
    writable = [command[at + 1] for at, word in enumerate(command) if word == "--bind"]
    assert writable == [str(tmp_path / "run")]
    assert "--unshare-all" in command
    assert "--share-net" not in command
