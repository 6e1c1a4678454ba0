"""Grades submissions of one environment, several at a time, each sealed.

    with Engine(Path("/opt/env/bin/python"), work_folder=folder) as engine:
        outcome = engine.grade(submission)

`grade` may be called from as many threads as there are slots; more wait for a free slot. A
zygote that dies is replaced; the submission that it took along is started once more.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Self

from grader.sealed.cgroups import make_groups, remove_stale_groups
from grader.sealed.conversation import Conversation
from grader.sealed.jail import LAYERS, Jail
from grader.sealed.limits import Limits
from grader.sealed.stage import Stage
from grader.sealed.submission import CellOutcome, Outcome, Submission
from grader.sealed.wards import MachineError, Zygote, environment_folders
from grader.sealed.warmth import warmth_for
from grader.sealed.zygote import Warmth

#: Part of every key of the cache: raise it when a change can change a verdict.
ENGINE_VERSION = "1"
_FIRST_ACCOUNT = 61000
_ATTEMPTS = 2
#: Before the second attempt: what is dying gets the time to be dead.
_PAUSE = 0.2


class Engine:
    """A warm environment and its slots."""

    def __init__(
        self,
        python: Path,
        work_folder: Path,
        *,
        limits: Limits | None = None,
        slots: int = 2,
        first_account: int = _FIRST_ACCOUNT,
    ) -> None:
        """As root, the jailed processes are the accounts from `first_account` on."""
        self._python = python
        self._first_account = first_account
        self._work = work_folder
        self.limits = limits or Limits()
        #: The walls of the jail. A test takes one away to show what it holds.
        self.layers = LAYERS
        self._slots: queue.Queue[int] = queue.Queue()
        for slot in range(slots):
            self._slots.put(slot)
        self._lock = threading.Lock()
        self._zygotes: dict[Warmth, Zygote] = {}
        self._closed = False
        self._folders = environment_folders(python)
        remove_stale_groups()
        self._groups = {slot: make_groups(slot, self.limits) for slot in range(slots)}
        self._stage = Stage(work_folder / "data")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process, remove every control group and staged file."""
        with self._lock:
            self._closed = True
            for zygote in self._zygotes.values():
                zygote.close()
            self._zygotes.clear()
        for group in self._groups.values():
            group.remove()
        self._stage.clear()

    def zygote(self, warmth: Warmth = "full") -> Zygote:
        """A warm process; started when there is none that lives."""
        with self._lock:
            if self._closed:
                raise MachineError("the engine is closed")
            zygote = self._zygotes.get(warmth)
            if zygote is None or not zygote.alive():
                if zygote:
                    zygote.close()
                self._work.mkdir(parents=True, exist_ok=True)
                zygote = Zygote(self._python, self._work / "zygote.log", warmth)
                self._zygotes[warmth] = zygote
            return zygote

    def grade(self, submission: Submission, limits: Limits | None = None) -> Outcome:
        """Run one submission. What the machine could not run is "not judged" in the outcome.

        `limits` take the place of the engine's own for this submission; the control groups, a
        second line for memory and processes, stay.
        """
        limits = limits or self.limits
        slot = self._slots.get()
        try:
            for attempt in range(_ATTEMPTS):
                try:
                    outcome = self._grade(submission, slot, limits)
                except MachineError as error:
                    outcome = _not_judged(submission, str(error))
                    time.sleep(_PAUSE)
                if outcome.judged or attempt + 1 == _ATTEMPTS:
                    break
            return outcome
        finally:
            self._slots.put(slot)

    def _grade(self, submission: Submission, slot: int, limits: Limits) -> Outcome:
        data = self._stage.show(submission.data_folder) if submission.data_folder else None
        groups = self._groups[slot]
        groups.reset()
        zygote = self.zygote(warmth_for(submission))
        theirs, ours = socket.socketpair()
        student = checker = None
        try:
            jail = self._jail("student", slot, data, limits)
            student = zygote.spawn("student", jail, theirs, groups.paths)
            jail = self._jail("checker", slot, data, limits)
            checker = zygote.spawn("checker", jail, ours, [])
            return Conversation(student, checker, limits).run(submission)
        finally:
            for ward in (student, checker):
                if ward:
                    ward.release()

    def _jail(self, role: str, slot: int, data: Path | None, limits: Limits) -> Jail:
        number = 2 * slot + (role == "checker")
        return Jail(
            limits=limits if role == "student" else _limits_of_checker(limits),
            read_only=self._folders,
            data_folder=str(data) if data else None,
            account=self._first_account + number,
            layers=self.layers,
        )


def _limits_of_checker(limits: Limits) -> Limits:
    """The checker gets room to hold what the student's process sends it."""
    return replace(
        limits,
        memory_megabytes=limits.memory_megabytes + 1024,
        notebook_cpu_seconds=limits.notebook_seconds,
    )


def _not_judged(submission: Submission, reason: str) -> Outcome:
    return Outcome(
        tuple(
            CellOutcome(step.id, step.kind, "not judged" if step.kind == "test" else None, reason)
            for step in submission.steps
        )
    )
