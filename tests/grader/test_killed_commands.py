"""`python -m grader` may be killed at any moment: repeated, it comes to the same end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import time

import psutil
import pytest

#: More of the same, for `make thorough`.
THOROUGH = pytest.mark.thorough
FULL = {"check-total": 2.0, "check-double": 3.0, "check-largest": 5.0}


def kill_after(
    process: subprocess.Popen[str], stage: str, note: str, seconds: float
) -> list[psutil.Process]:
    """kill -9 some time after a stage of the work has begun. Returns what it had started."""
    for line in process.stdout:
        event = json.loads(line)
        assert event["event"] == "progress", event
        if event["stage"] == stage and note in event["note"]:
            break
    else:
        pytest.fail(f"it never came to {stage} {note}")
    time.sleep(seconds)
    started = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    return started


def still_alive(started: list[psutil.Process]) -> list[psutil.Process]:
    """Who of them does anything yet, ten seconds from now at the latest."""
    deadline = time.monotonic() + 10
    while alive := [each for each in started if each.is_running() and not is_zombie(each)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return alive


def is_zombie(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


@pytest.mark.parametrize(
    "seconds", [pytest.param(0.0, marks=THOROUGH), 0.2, pytest.param(0.5, marks=THOROUGH)]
)
def test_a_killed_grade_converges(released, answers, seconds):
    for name in ("ada", "bob", "eve"):
        released.submit_answers(name, answers)
    started = kill_after(released.start("grade"), "grade", "bob", seconds)
    assert still_alive(started) == []
    code, events = released.command("grade")
    assert (code, events[-1]["queue"], events[-1]["troubles"]) == (0, [], [])
    assert released.scores() == dict.fromkeys(("ada", "bob", "eve"), FULL)
    for name in ("ada", "bob", "eve"):
        assert len(list(released.folder.verdicts("sums", name).glob("*.json"))) == 1
        assert (
            "secret"
            in (released.folder.feedback(name, "sums") / "submission_secret.txt").read_text()
        )
    with sqlite3.connect(released.folder.gradebook) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        assert database.execute("select count(*) from submitted_assignment").fetchone() == (3,)
    assert released.command("grade")[1][-1]["judged"] == 0


@pytest.mark.parametrize(
    ("stage", "seconds"),
    [
        pytest.param("prove", 0.5, marks=THOROUGH),
        pytest.param("generate", 0.05, marks=THOROUGH),
        ("release", 0.02),
    ],
)
def test_a_killed_release_converges(mini, template, stage, seconds):
    assert still_alive(kill_after(mini.start("release"), stage, "sums", seconds)) == []
    code, events = mini.command("release")
    assert code == 0, events
    whole = template("sealed") / "exchange/mini/outbound/sums/sums.ipynb"
    ours = mini.settings.course.parent / "exchange/mini/outbound/sums/sums.ipynb"
    assert ours.read_bytes() == whole.read_bytes()
    assert mini.command("release")[1][-1]["labs"][0]["outcome"] == "unchanged"
    with sqlite3.connect(mini.folder.gradebook) as database:
        assert database.execute("select count(*) from grade_cells").fetchone() == (3,)
