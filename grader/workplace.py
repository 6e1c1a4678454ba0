"""What every verb works with: the settings, the course folder, nbgrader on it, the judge."""

from __future__ import annotations

from dataclasses import dataclass

from grader.folders import CourseFolder
from grader.judge import Judge
from grader.kernel_judge import KernelJudge
from grader.nbgrader_course import NbgraderCourse
from grader.settings import GraderSettings


@dataclass(frozen=True)
class Workplace:
    settings: GraderSettings
    folder: CourseFolder
    nbgrader: NbgraderCourse
    judge: Judge


def open_workplace(settings: GraderSettings) -> Workplace:
    """Open a course folder that `ensure_course` has made."""
    folder = CourseFolder(settings.course)
    judge = KernelJudge(folder.kernels, settings.run, settings.limits)
    return Workplace(settings, folder, NbgraderCourse(folder), judge)
