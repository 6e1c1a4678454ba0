"""kill -9 at random moments of a batch: run again, it is as if nothing had happened.

The grader, its warm process or one of the processes that run a submission is killed, some times
in a row on one course before a run may come to its end: 50 times by `make thorough`, 10 by
`make test`. $WORKSHOP_CRASH_SEED repeats a run.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.thorough import THOROUGH

PROJECT = Path(__file__).parents[2]
KILLS, IN_A_ROW = (50, 10) if THOROUGH else (10, 5)
VICTIMS = ("grader", "grader", "grader", "zygote", "worker")
FULL = {"check-total": 2.0, "check-double": 3.0, "check-largest": 5.0}
NOTHING = dict.fromkeys(FULL, 0.0)
Scores = dict[str, dict[str, float | None]]
#: What the five who hand in get.
EXPECTED: Scores = {
    "right": FULL,
    "wrong": {**FULL, "check-double": 0.0},
    "raising": {**FULL, "check-largest": 0.0},
    "untouched": NOTHING,
    "torn": dict.fromkeys(FULL),
}
#: Forks a grader for each line that it reads, so that nobody waits for imports: the line holds
#: the command's arguments and the file for its words. It buries one only when told to by another
#: line: until then its number is nobody else's.
FORKS_GRADERS = """
import json, os, sys
import nbformat
import grader.__main__ as command
nbformat.validate(nbformat.v4.new_notebook())  # compiles its schema
for line in sys.stdin:
    arguments, words = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(words, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(os.open(words + ".err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        os._exit(command.main(arguments))
    print(pid, flush=True)
    sys.stdin.readline()
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Run:
    """A grader at work."""

    process: psutil.Process
    server: subprocess.Popen[str]
    words: Path

    def end(self) -> int:
        """Wait for it: its exit status, or minus the signal."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        print(file=self.server.stdin, flush=True)
        return int(self.server.stdout.readline())

    def result(self) -> dict[str, Any]:
        last = json.loads(self.words.read_text().splitlines()[-1])
        assert last["event"] == "result", last
        return last

    def victim(self, kind: str, chance: random.Random) -> psutil.Process | None:
        """A process of this kind, if there is one now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if kind == "grader":
                return self.process
            zygotes = self.process.children()
            if kind == "zygote":
                return chance.choice(zygotes) if zygotes else None
            workers = [each for zygote in zygotes for each in zygote.children(recursive=True)]
            return chance.choice(workers) if workers else None
        return None


Start = Callable[..., Run]


@contextmanager
def graders(course: Any, place: Path) -> Iterator[Start]:
    """Start graders of a course, one after the other."""
    place.mkdir(exist_ok=True)
    command = [sys.executable, "-P", "-c", FORKS_GRADERS]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def start(*options: str) -> Run:
            words = str(place / "words")
            arguments = ["grade", str(course.settings_file()), *options]
            print(json.dumps([arguments, words]), file=server.stdin, flush=True)
            return Run(psutil.Process(int(server.stdout.readline())), server, Path(words))

        yield start
        server.stdin.close()


@dataclass(frozen=True)
class Kill:
    """What happened to one run."""

    victim: str
    after: float
    options: str
    #: Verdicts that were there at this moment.
    verdicts: int


def kill_once(start: Start, course: Any, victim: str, chance: random.Random, most: float) -> Kill:
    """Start a run and kill the victim at a random moment within `most` seconds. A run that ends
    before that is started again, with more to do."""
    options: tuple[str, ...] = chance.choice(((), ("--force",)))
    while True:
        moment = chance.uniform(0, most)
        run, began = start(*options), time.monotonic()
        while time.monotonic() < began + moment and alive(run.process):
            time.sleep(0.002)
        killed = kill(run, victim, chance)
        after = time.monotonic() - began
        verdicts = len(list(course.folder.all_verdicts.rglob("*.json")))
        status = run.end()
        if killed and (victim != "grader" or status == -signal.SIGKILL):
            return Kill(victim, after, " ".join(options), verdicts)
        options, most = ("--force",), most * 0.8


def kill(run: Run, victim: str, chance: random.Random) -> bool:
    """Kill a process of the run, as soon as there is one of this kind. False: it came too late."""
    while alive(run.process):
        target = run.victim(victim, chance)
        if target is not None and alive(target):
            with contextlib.suppress(psutil.NoSuchProcess):
                target.kill()
                return True
        time.sleep(0.002)
    return False


def alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def no_wrong_score_is_in(course: Any) -> None:
    """Whatever is there is right already; and sqlite finds the database whole."""
    with sqlite3.connect(course.folder.gradebook) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    for attendee, cells in course.scores().items():
        for cell, score in cells.items():
            assert score in (None, EXPECTED[attendee][cell]), (attendee, cell, score)
    for file in course.folder.all_verdicts.rglob("*.json"):
        if not file.name.startswith("."):
            assert "cells" in json.loads(file.read_text())


def everybody_has_one_verdict(course: Any, start: Start) -> None:
    """A run that may end, and one after it that finds nothing to do."""
    run = start()
    assert run.end() == 0, run.words.with_suffix(".err").read_text()
    assert run.result()["troubles"] == []
    assert course.scores() == EXPECTED
    for attendee in EXPECTED:
        (verdict,) = course.folder.verdicts("sums", attendee).glob("*.json")
        assert json.loads(verdict.read_text())["final"] is True
    with sqlite3.connect(course.folder.gradebook) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        for table, rows in (("submitted_assignment", 5), ("submitted_notebook", 5), ("grade", 15)):
            assert database.execute(f"select count(*) from {table}").fetchone() == (rows,)
    again = start()
    assert again.end() == 0
    assert (again.result()["judged"], again.result()["unchanged"]) == (0, len(EXPECTED))


def hand_in(course: Any, answers: dict[str, str]) -> None:
    course.submit_answers("right", answers)
    wrong = "def double(values):\n    return values"
    course.submit_answers("wrong", {**answers, "double": wrong})
    course.submit_answers("raising", {**answers, "largest": "raise RuntimeError('no')"})
    course.submit_answers("untouched", {})
    course.submit("torn", '{"cells": [')


def seed_of_this_run() -> int:
    return int(os.environ.get("WORKSHOP_CRASH_SEED") or random.SystemRandom().randrange(10**6))


@pytest.mark.timeout(1800)  # a minute and a half on an idle machine
def test_a_batch_killed_at_any_moment_ends_as_if_it_had_not_been(
    tmp_path: Path, copy_released: Callable[..., Any], answers: dict[str, str]
) -> None:
    seed = seed_of_this_run()
    chance = random.Random(seed)
    kills: list[Kill] = []
    undisturbed = copy_released(tmp_path / "undisturbed")
    hand_in(undisturbed, answers)
    with graders(undisturbed, tmp_path / "words") as start:
        run, began = start(), time.monotonic()
        assert run.end() == 0
        seconds = time.monotonic() - began
        everybody_has_one_verdict(undisturbed, start)
    try:
        while len(kills) < KILLS:
            course = copy_released(tmp_path / f"course{len(kills)}")
            hand_in(course, answers)
            with graders(course, tmp_path / "words") as start:
                for victim in chance.sample(VICTIMS * (IN_A_ROW // len(VICTIMS)), k=IN_A_ROW):
                    kills.append(kill_once(start, course, victim, chance, seconds))
                    no_wrong_score_is_in(course)
                everybody_has_one_verdict(course, start)
    finally:
        print(table(seed, kills))
    assert {kill.victim for kill in kills} == set(VICTIMS)


def table(seed: int, kills: list[Kill]) -> str:
    """What was killed when."""
    lines = [f"WORKSHOP_CRASH_SEED={seed}", "kill  victim    after  verdicts there  options"]
    for number, kill in enumerate(kills, start=1):
        lines.append(
            f"{number:4}  {kill.victim:8} {kill.after:5.2f} s  {kill.verdicts:14}  {kill.options}"
        )
    return "\n".join(lines)
