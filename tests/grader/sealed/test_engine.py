"""The engine itself: slots side by side, lost processes, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grader.sealed.engine import Engine
from grader.sealed.submission import Outcome
from grader.sealed.wards import MachineError
from grader.sealed.warmth import warmth_for

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def sheet(sheet_type: Callable[..., Any]) -> Any:
    return sheet_type("x = 1", ("assert x == 1",))


def test_slots_work_side_by_side(engine: Engine, sheet: Any) -> None:
    answers = [f"x = {i % 3}" for i in range(18)]
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda text: engine.grade(sheet.answered(text)), answers))
    found = [outcome["test0"].judgement for outcome in outcomes]
    assert found == ["passed" if text == "x = 1" else "failed" for text in answers]


def test_a_killed_zygote_is_replaced(engine: Engine, sheet: Any) -> None:
    os.kill(engine.zygote("light").pid, signal.SIGKILL)
    assert engine.grade(sheet.answered("x = 1"))["test0"].judgement == "passed"


def test_a_submission_that_lost_its_zygote_is_run_again(engine: Engine, sheet: Any) -> None:
    victim = engine.zygote("light").pid
    threading.Timer(0.7, os.kill, (victim, signal.SIGKILL)).start()
    outcome = engine.grade(sheet.answered("import time\ntime.sleep(1.5)\nx = 1"))
    assert outcome["test0"].judgement == "passed"
    assert engine.zygote("light").pid != victim


@pytest.mark.parametrize(
    ("answer", "warmth"),
    [
        ("x = 1", "light"),
        ("from numpy import pi\nx = 1", "light"),
        ("import json, mxnet as mx\nx = 1", "full"),
        ("from sys import path; import gluonnlp\nx = 1", "light"),
        ("import scipy\nx = 1", "full"),
        ("%matplotlib inline\nx = 1", "full"),
    ],
)
def test_large_libraries_are_only_forked_where_they_are_mentioned(sheet, answer, warmth):
    assert warmth_for(sheet.answered(answer)) == warmth


def test_what_no_zygote_has_imported_can_be_imported_all_the_same(engine: Engine, sheet: Any):
    hidden = 'mx = __import__("mx" + "net")\nx = int(mx.nd.ones(3).sum().asscalar()) // 3'
    submission = sheet.answered(hidden)
    assert warmth_for(submission) == "light"
    # Reading so large a library from disk takes as long as the disk wants.
    patient = replace(
        engine.limits,
        cell_seconds=60,
        cell_cpu_seconds=30,
        notebook_seconds=90,
        notebook_cpu_seconds=60,
    )
    assert engine.grade(submission, patient)["test0"].judgement == "passed"


_GRADE_FOR_EVER = """
import sys
from pathlib import Path
from grader.sealed.engine import Engine
from grader.sealed.submission import AuthorCell, Step, Submission
with Engine(Path(sys.argv[1]), Path(sys.argv[2]), first_account=int(sys.argv[3])) as engine:
    print("ready", flush=True)
    engine.grade(Submission((Step("a", "student", "while True: pass"),), ()))
"""


def test_when_the_grader_is_killed_everything_dies(nlp_python: Path, tmp_path: Path) -> None:
    account = 300_000 + os.getpid() % 10_000 * 100
    command = [sys.executable, "-c", _GRADE_FOR_EVER, str(nlp_python), str(tmp_path), str(account)]
    environment = {"PYTHONPATH": str(PROJECT), "PATH": os.environ["PATH"]}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as grader:
        assert grader.stdout is not None
        assert grader.stdout.readline() == b"ready\n"
        _wait_until(lambda: bool(_processes_of(account)))
        grader.kill()
    _wait_until(lambda: not _processes_of(account))


def test_an_environment_that_does_not_start_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text('#!/bin/sh\n[ "$3" = "" ] || exit 3\necho "[]"\n')
    broken.chmod(0o755)
    with pytest.raises((MachineError, subprocess.CalledProcessError)), Engine(broken, tmp_path):
        pass


def test_what_the_machine_kills_is_not_judged(engine: Engine, sheet: Any) -> None:
    def kill_students() -> None:
        until = time.monotonic() + 10
        while time.monotonic() < until and not done.is_set():
            for pid in _children_of_children(engine.zygote("light").pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.3)

    done = threading.Event()
    killer = threading.Thread(target=kill_students)
    killer.start()
    outcome: Outcome = engine.grade(sheet.answered("import time\ntime.sleep(2)\nx = 1"))
    done.set()
    killer.join()
    assert outcome["test0"].judgement == "not judged"
    assert not outcome.judged


def _children_of_children(pid: int) -> list[int]:
    def children(of: int) -> list[int]:
        try:
            text = Path(f"/proc/{of}/task/{of}/children").read_text()
        except OSError:
            return []
        return [int(child) for child in text.split()]

    return [prisoner for warden in children(pid) for prisoner in children(warden)]


def _processes_of(account: int) -> list[str]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            user = int(status.read_text().split("Uid:")[1].split()[0])
        except OSError:
            continue
        if account <= user < account + 100:
            found.append(status.parent.name)
    return found


def _wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
