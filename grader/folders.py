"""The course folder: nbgrader's own folders, and ours beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CourseFolder:
    """Paths below StatePaths.course. nbgrader owns the first group, the grader the second."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "nbgrader_config.py"

    @property
    def gradebook(self) -> Path:
        return self.root / "gradebook.db"

    @property
    def gradebook_address(self) -> Path:
        """Only there when the gradebook is on a server: its address, without a password."""
        return self.root / "gradebook.url"

    def source(self, lab: str) -> Path:
        return self.root / "source" / lab

    def source_notebook(self, lab: str) -> Path:
        return self.source(lab) / f"{lab}.ipynb"

    def released(self, lab: str) -> Path:
        return self.root / "release" / lab

    @property
    def all_submitted(self) -> Path:
        return self.root / "submitted"

    def submitted(self, attendee: str, lab: str) -> Path:
        return self.all_submitted / attendee / lab

    def autograded(self, attendee: str, lab: str) -> Path:
        return self.root / "autograded" / attendee / lab

    def feedback(self, attendee: str, lab: str) -> Path:
        return self.root / "feedback" / attendee / lab

    # Ours.

    @property
    def all_verdicts(self) -> Path:
        return self.root / "verdicts"

    def verdicts(self, lab: str, attendee: str) -> Path:
        return self.all_verdicts / lab / attendee

    @property
    def jupyter(self) -> Path:
        """A JUPYTER_PATH: the jailed kernels under the names that the notebooks ask for."""
        return self.root / "jupyter"

    @property
    def kernels(self) -> Path:
        return self.jupyter / "kernels"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def records(self) -> Path:
        return self.root / "records"

    def release_record(self, lab: str) -> Path:
        return self.records / "release" / f"{lab}.json"

    def canary_record(self, lab: str) -> Path:
        return self.records / "canary" / f"{lab}.json"

    def feedback_record(self, lab: str, attendee: str) -> Path:
        return self.records / "feedback" / lab / f"{attendee}.json"

    def collecting_record(self, lab: str) -> Path:
        return self.records / "collecting" / f"{lab}.json"

    @property
    def interrupted(self) -> Path:
        """Half-collected submissions, kept aside for a person to look at."""
        return self.root / "interrupted"

    @property
    def standing_record(self) -> Path:
        """What the grader that works as submissions come in is doing now."""
        return self.records / "standing.json"

    @property
    def watch_lock(self) -> Path:
        return self.records / "watch.lock"

    @property
    def outcomes(self) -> Path:
        """What runs gave, by everything that decides about it: the sealed judge's memory."""
        return self.root / "outcomes"

    @property
    def lock(self) -> Path:
        return self.records / "lock"
