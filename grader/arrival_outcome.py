"""What became of a submission, as the course folder says it."""

from __future__ import annotations

from dataclasses import dataclass

from grader.fair_queue import Arrival
from grader.folders import CourseFolder
from grader.records import read_record
from grader.submissions import Submission
from grader.verdict import SubmissionVerdict, newest_verdict


@dataclass(frozen=True)
class Outcome:
    """`try_again`: something of ours failed. `for_assistant`: nobody could judge (all of) it."""

    reason: str
    try_again: bool = False
    for_assistant: bool = False


def outcome_of(folder: CourseFolder, arrival: Arrival, trouble: str) -> Outcome:
    """Whether an arrival, or a later one in its place, is graded and answered.

    `trouble` is what the grading run complained about, if it did.
    """
    lab, attendee = arrival.lab, arrival.attendee
    submission = Submission(attendee, lab, folder.submitted(attendee, lab))
    if not submission.folder.is_dir() and not trouble:
        return Outcome("it has been withdrawn")
    if not _covers(submission.snapshot(), submission, arrival):
        return Outcome(trouble or "it could not be collected", try_again=True)
    verdict = newest_verdict(folder.verdicts(lab, attendee))
    if verdict is None or verdict.snapshot != submission.snapshot():
        return Outcome(trouble or "it was not graded", try_again=True)
    return _of_verdict(folder, verdict, trouble)


def _covers(snapshot: str, submission: Submission, arrival: Arrival) -> bool:
    """What was collected is the arrival itself, or came after it."""
    collected = submission.submitted_at()
    later = collected is not None and collected > arrival.received
    return snapshot == arrival.snapshot or later


def _of_verdict(folder: CourseFolder, verdict: SubmissionVerdict, trouble: str) -> Outcome:
    if not verdict.final:
        found = (cell.reason for cell in verdict.unjudged)
        return Outcome(verdict.problem or next(found, "it was not judged"), try_again=True)
    if verdict.problem:
        return Outcome(f"nobody could judge it: {verdict.problem}", for_assistant=True)
    sent = read_record(folder.feedback_record(verdict.lab, verdict.attendee))
    if sent.get("verdict") != verdict.basis.key:
        return Outcome(trouble or "its feedback could not be sent", try_again=True)
    points = sum(cell.max_points for cell in verdict.cells)
    return Outcome(f"{verdict.points:g} of {points:g} points", for_assistant=bool(verdict.unjudged))
