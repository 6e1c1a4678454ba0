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

    def verdicts(self, lab: str, attendee: str) -> Path:
        return self.root / "verdicts" / lab / attendee

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
    def lock(self) -> Path:
        return self.records / "lock"
