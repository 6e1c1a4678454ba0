"""`grade --watch`: as long as the workshop is up, submissions are graded as they come in.

The engines stay warm between submissions, and the course's lock is held only while something is
graded. Killed at any moment it loses nothing: the next start asks the exchange for everything and
grades what has no feedback yet.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from grader.arrivals import open_source
from grader.course import ensure_course
from grader.errors import GraderError
from grader.events import Progress
from grader.folders import CourseFolder
from grader.judge import JudgeTask
from grader.lock import only_grader, only_one
from grader.notebooks import read_notebook
from grader.records import released_version
from grader.rounds import Rounds
from grader.settings import GraderSettings, read_settings
from grader.spec import LabSpec
from grader.workplace import Workplace, open_workplace

#: After so long the engines are started anew; below that, nobody takes their files for leftovers.
_FRESH_SECONDS = 3 * 3600.0
#: Between two tries to reach an exchange that doesn't answer.
_PAUSE_SECONDS = 2.0
STAGE = "watch"


class Stopped(BaseException):
    """We were told to end. No Exception: nbgrader would take it for a submission's fault."""


@dataclass
class _Bell:
    """SIGTERM and Ctrl-C end us between two rounds, never in the middle of one."""

    busy: bool = False
    rung: bool = False

    def ring(self, _number: int, _frame: FrameType | None) -> None:
        self.rung = True
        if not self.busy:
            raise Stopped

    @contextmanager
    def not_now(self) -> Iterator[None]:
        self.busy = True
        try:
            yield
        finally:
            self.busy = False
        if self.rung:
            raise Stopped

    @contextmanager
    def listening(self) -> Iterator[None]:
        before = {each: signal.signal(each, self.ring) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        except Stopped:
            return
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass(frozen=True)
class Watch:
    """What to watch: the settings' file is read again when it changes."""

    settings: Path
    labs: Sequence[str]
    progress: Progress

    def run(self) -> int:
        """Until we are told to end; how many submissions were graded."""
        settings = read_settings(self.settings)
        source = open_source(settings.exchange.arrivals)
        bell = _Bell()
        rounds = Rounds(source, self._say)
        with self._alone(settings), bell.listening():
            known = b""
            while True:
                told = self.settings.read_bytes()
                settings = read_settings(self.settings)
                if told != known:
                    wanted = (lab for lab in settings.spec.labs if self._wanted(lab))
                    rounds.begin_anew({lab.name: lab for lab in wanted})
                known = told
                self._work(settings, rounds, bell, told)
        return rounds.graded

    def _work(self, settings: GraderSettings, rounds: Rounds, bell: _Bell, told: bytes) -> None:
        """With one set of settings and warm engines, until either should be renewed."""
        rounds.broken = False
        fresh_until = time.monotonic() + _FRESH_SECONDS
        with only_grader(CourseFolder(settings.course).lock, "the grader that watches"):
            ensure_course(settings)
        with open_workplace(settings) as place:
            warm: set[str] = set()
            while self.settings.read_bytes() == told and time.monotonic() < fresh_until:
                self._turn(place, rounds, bell, warm, told)
                if rounds.broken:
                    return

    def _turn(
        self, place: Workplace, rounds: Rounds, bell: _Bell, warm: set[str], told: bytes
    ) -> None:
        if not len(rounds.queue):
            _warm_up_one(place, tuple(rounds.labs.values()), warm)
        try:
            chosen = rounds.learn(place)
        except ConnectionError as error:
            self._say(rounds.graded, len(rounds.queue), f"the exchange does not answer: {error}")
            time.sleep(_PAUSE_SECONDS)
            return
        # The question was open for a while. With other settings all this will be told once more.
        if chosen and self.settings.read_bytes() == told:
            with bell.not_now():
                rounds.grade(place, chosen)

    def _wanted(self, lab: LabSpec) -> bool:
        return not self.labs or lab.name in self.labs

    def _say(self, done: int, left: int, note: str) -> None:
        self.progress(STAGE, done, done + left, note)

    def _alone(self, settings: GraderSettings) -> AbstractContextManager[None]:
        return only_one(
            CourseFolder(settings.course).watch_lock,
            "the one that watches",
            "submissions are graded as they come in already",
            "nothing needs to be done; `workshop status` shows the program `grader`",
        )


def _warm_up_one(place: Workplace, labs: Sequence[LabSpec], warm: set[str]) -> None:
    """Start what a lab will run in before somebody waits for it: its imports wake it up."""
    for lab in labs:
        if lab.name in warm or not lab.sealed or not released_version(place.folder, lab.name):
            continue
        warm.add(lab.name)
        source = place.folder.source(lab.name)
        imports = _imports(read_notebook(place.folder.source_notebook(lab.name)))
        task = JudgeTask(
            lab=lab.name,
            kernel=lab.environment,
            folder=source,
            data=source,
            author=imports,
            cell_seconds=lab.cell_seconds,
            fresh=True,
            trial=True,
        )
        try:
            place.judge.judge(imports, task)
        except GraderError:
            return  # the canary will say why
        return


def _imports(notebook: NotebookNode) -> NotebookNode:
    """A notebook of nothing but the imports of another one."""
    lines = (
        line
        for cell in notebook.cells
        if cell.cell_type == "code"
        for line in cell.source.splitlines()
        if line.startswith(("import ", "from "))
    )
    cell = new_code_cell("\n".join(lines))  # type: ignore[no-untyped-call]
    found: NotebookNode = new_notebook(cells=[cell])  # type: ignore[no-untyped-call]
    return found
