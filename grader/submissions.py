"""What attendees handed in, as it lies in nbgrader's `submitted` folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbgrader.utils import parse_utc

from grader import durable
from grader.errors import GraderError
from grader.folders import CourseFolder

#: Nobody writes such a notebook by hand; reading it would cost more memory than a seat has.
MAX_NOTEBOOK_BYTES = 50 * 1024 * 1024


class UnreadableSubmission(GraderError):
    """No cell of it can be judged; the message says why, for an assistant."""


@dataclass(frozen=True)
class Submission:
    """One attendee's collected work for one lab."""

    attendee: str
    lab: str
    folder: Path

    @property
    def notebook(self) -> Path:
        return self.folder / f"{self.lab}.ipynb"

    def digest(self) -> str:
        return durable.folder_digest(self.folder)

    def submitted_at(self) -> datetime | None:
        """The exchange's time, UTC."""
        try:
            found = parse_utc((self.folder / "timestamp.txt").read_text().strip())
        except (OSError, ValueError, OverflowError, UnicodeDecodeError):
            return None
        return found.replace(tzinfo=UTC) if isinstance(found, datetime) else None

    def snapshot(self) -> str:
        """The exchange's name for these bytes ("" without such an exchange)."""
        try:
            facts = json.loads((self.folder / "snapshot.json").read_text())
        except (OSError, ValueError):
            return ""
        return str(facts.get("id") or facts.get("sha256") or "") if isinstance(facts, dict) else ""

    def links(self) -> list[str]:
        """Names of symbolic links: never followed, they could point at anything."""
        return [path.name for path in self.folder.rglob("*") if path.is_symlink()]


def submissions_of(folder: CourseFolder, lab: str) -> Iterator[Submission]:
    """All collected submissions of a lab, by attendee."""
    if not folder.all_submitted.is_dir():
        return
    for place in sorted(folder.all_submitted.iterdir()):
        if (place / lab).is_dir() and not place.name.startswith("."):
            yield Submission(place.name, lab, place / lab)


def check_readable(submission: Submission) -> None:
    """Raise UnreadableSubmission unless there is a notebook that nbgrader can read."""
    file = submission.notebook
    if file.is_symlink():
        raise UnreadableSubmission(f"{file.name} is a link, not a notebook")
    if not file.is_file():
        raise UnreadableSubmission(f"the submission has no {file.name}")
    if file.stat().st_size > MAX_NOTEBOOK_BYTES:
        raise UnreadableSubmission(f"{file.name} is larger than {MAX_NOTEBOOK_BYTES >> 20} MB")
    try:
        content = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UnreadableSubmission(f"{file.name} is not JSON: {error}"[:200]) from error
    _check_notebook(file.name, content)


def _check_notebook(name: str, content: object) -> None:
    if not isinstance(content, dict) or "nbformat" not in content:
        raise UnreadableSubmission(f"{name} is JSON, but not a notebook")
    if content["nbformat"] not in (3, 4):
        raise UnreadableSubmission(f"{name} has notebook format {content['nbformat']!r}, not 4")
    try:
        notebook = nbformat.reads(json.dumps(content), as_version=4)  # type: ignore[no-untyped-call]
        usable = all(
            cell.cell_type in ("code", "markdown", "raw")
            and isinstance(cell.source, str)
            and isinstance(cell.metadata, dict)
            for cell in notebook.cells
        )
    except Exception as error:  # nbformat raises whatever the damage leads to
        reason = f"{name} is a damaged notebook: {type(error).__name__}: {error}"
        raise UnreadableSubmission(reason[:200]) from error
    if not usable:
        raise UnreadableSubmission(f"{name} has a damaged cell")
