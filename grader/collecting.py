"""Collecting through any exchange, so that a killed collect leaves no half submission behind.

nbgrader's own collect copies file by file and later takes what lies there for complete. So we
write down what lay there before; if that note is still there at the next start, whatever is not
in it is set aside and collected again.
"""

from __future__ import annotations

from grader.folders import CourseFolder
from grader.nbgrader_course import NbgraderCourse
from grader.records import read_record, write_record
from grader.submissions import Submission, submissions_of


def collect(nbgrader: NbgraderCourse, lab: str) -> None:
    """Fetch the newest submission of every attendee into nbgrader's `submitted` folder."""
    folder = nbgrader.folder
    note = folder.collecting_record(lab)
    if note.exists():
        _set_aside_unknown(folder, lab, read_record(note))
    whole = {one.attendee: one.digest() for one in submissions_of(folder, lab)}
    write_record(note, **whole)
    nbgrader.collect(lab)
    note.unlink()


def _set_aside_unknown(folder: CourseFolder, lab: str, whole: dict[str, str]) -> None:
    for submission in list(submissions_of(folder, lab)):
        if submission.digest() != whole.get(submission.attendee):
            _set_aside(folder, submission)


def _set_aside(folder: CourseFolder, submission: Submission) -> None:
    """Never delete what may be somebody's work."""
    place = folder.interrupted / submission.lab
    place.mkdir(parents=True, exist_ok=True)
    taken = len(list(place.glob(f"{submission.attendee}.*")))
    submission.folder.rename(place / f"{submission.attendee}.{taken + 1}")
