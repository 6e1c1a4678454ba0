"""Feedback pages: made and sent again only when a mark or a comment has changed."""

from __future__ import annotations

from grader.gradebook import Marks
from grader.records import read_record, write_record
from grader.submissions import Submission
from grader.verdict import SubmissionVerdict
from grader.workplace import Workplace


def ensure_feedback(
    place: Workplace, submission: Submission, verdict: SubmissionVerdict, marks: Marks
) -> bool:
    """Send an attendee's feedback if it is news. Returns whether it was. `marks` are what the
    gradebook has.

    Raises StepFailed; the next run tries again. A submission without a readable notebook has no
    page: an assistant sees it in the queue.
    """
    lab, attendee = submission.lab, submission.attendee
    if verdict.problem:
        return False
    sent = {"verdict": verdict.basis.key, "marks": marks.fingerprint}
    record = place.folder.feedback_record(lab, attendee)
    if read_record(record) == sent:
        return False
    place.nbgrader.generate_feedback(lab, attendee)
    place.nbgrader.release_feedback(lab, attendee)
    write_record(record, **sent)
    return True
