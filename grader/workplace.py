"""What every verb works with: the settings, the course folder, nbgrader on it, the judge."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grader.folders import CourseFolder
from grader.judge import Judge
from grader.judging import judges
from grader.nbgrader_course import NbgraderCourse
from grader.scheduling.worker_hosts import WorkerHosts
from grader.sealed_judge import Memory
from grader.settings import GraderSettings
from grader.slots import cores

#: Longer than any notebook may run: what is older belongs to a grader that was killed.
_LEFT_OVER_SECONDS = 6 * 3600


@dataclass(frozen=True)
class Workplace:
    settings: GraderSettings
    folder: CourseFolder
    nbgrader: NbgraderCourse
    judge: Judge

    @property
    def slots(self) -> int:
        """How many submissions are judged side by side."""
        hosts = self.settings.worker_hosts
        return hosts.slots if hosts else cores()


@contextmanager
def open_workplace(settings: GraderSettings) -> Iterator[Workplace]:
    """Open a course folder that `ensure_course` has made; its judges live as long as the block."""
    folder = CourseFolder(settings.course)
    _sweep_leftovers(settings.run)
    pythons = {name: one.python for name, one in settings.environments.items()}
    identities = {name: one.identity for name, one in settings.environments.items()}
    memory = Memory(folder.outcomes, identities)
    engines = _worker_hosts(settings, identities)
    with judges(folder.kernels, pythons, settings.run, settings.limits, memory, engines) as judge:
        yield Workplace(settings, folder, NbgraderCourse(folder, judge), judge)


def _worker_hosts(settings: GraderSettings, identities: Mapping[str, str]) -> WorkerHosts | None:
    hosts = settings.worker_hosts
    return WorkerHosts(hosts.socket, identities, hosts.slots) if hosts else None


def _sweep_leftovers(run: Path) -> None:
    oldest = time.time() - _LEFT_OVER_SECONDS
    for left in run.glob("*"):
        if left.lstat().st_mtime < oldest:
            shutil.rmtree(left, ignore_errors=True)
