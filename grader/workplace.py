"""What every verb works with: the settings, the course folder, nbgrader on it, the judge."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grader.folders import CourseFolder
from grader.judge import Judge
from grader.judging import judges
from grader.nbgrader_course import NbgraderCourse
from grader.sealed_judge import Memory
from grader.settings import GraderSettings

#: Longer than any notebook may run: what is older belongs to a grader that was killed.
_LEFT_OVER_SECONDS = 6 * 3600


@dataclass(frozen=True)
class Workplace:
    settings: GraderSettings
    folder: CourseFolder
    nbgrader: NbgraderCourse
    judge: Judge


@contextmanager
def open_workplace(settings: GraderSettings) -> Iterator[Workplace]:
    """Open a course folder that `ensure_course` has made; its judges live as long as the block."""
    folder = CourseFolder(settings.course)
    _sweep_leftovers(settings.run)
    pythons = {name: one.python for name, one in settings.environments.items()}
    identities = {name: one.identity for name, one in settings.environments.items()}
    memory = Memory(folder.outcomes, identities)
    with judges(folder.kernels, pythons, settings.run, settings.limits, memory) as judge:
        yield Workplace(settings, folder, NbgraderCourse(folder, judge), judge)


def _sweep_leftovers(run: Path) -> None:
    oldest = time.time() - _LEFT_OVER_SECONDS
    for left in run.glob("*"):
        if left.lstat().st_mtime < oldest:
            shutil.rmtree(left, ignore_errors=True)
