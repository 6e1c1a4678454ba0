"""Attendees who have no seat any more and whose work is nobody's: a rehearsal's robots."""

from __future__ import annotations

import shutil
from collections.abc import Collection

from grader import gradebook
from grader.errors import BadInput, Place
from grader.folders import CourseFolder
from grader.settings import GraderSettings


def forget(settings: GraderSettings, usernames: Collection[str]) -> int:
    """Take them out of the gradebook and the course folder; how many the gradebook knew.

    Whoever belongs to the class is never forgotten: BadInput, and nothing is touched. The course's
    lock must be held.
    """
    folder = CourseFolder(settings.course)
    for person in settings.people:
        if person.username in usernames:
            found = f"{person.username} belongs to the class"
            raise BadInput(Place(folder.gradebook), found, "name robots of a rehearsal only")
    # The database first: whoever is found in no folder is found there by the next run.
    known = gradebook.forget_people(folder, settings.spec.name, usernames)
    for username in usernames:
        _remove_files(folder, username)
    return known


def _remove_files(folder: CourseFolder, username: str) -> None:
    for kind in ("submitted", "autograded", "feedback"):
        shutil.rmtree(folder.root / kind / username, ignore_errors=True)
    for verdicts in folder.all_verdicts.glob(f"*/{username}"):
        shutil.rmtree(verdicts)
    for record in (folder.records / "feedback").glob(f"*/{username}.json"):
        record.unlink()
