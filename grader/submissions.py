"""What attendees handed in, as it lies in nbgrader's `submitted` folder."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader.utils import parse_utc

from grader import durable
from grader.errors import GraderError
from grader.folders import CourseFolder
from grader.sound_notebook import sound

#: Nobody writes such a notebook by hand; reading it would cost more memory than a seat has.
MAX_NOTEBOOK_BYTES = 50 * 1024 * 1024
#: Bookkeeping of nbgrader and of the exchange; no business of the code in the notebook.
BOOKKEEPING = frozenset({"timestamp.txt", "submission_secret.txt", "snapshot.json"})


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
        """Patterns, for nbgrader to ignore, of what is no plain file.

        A link could point at anything, and a pipe waits for ever. nbgrader matches names by
        their whole path, so a folder whose name looks like a pattern is left out with them.
        """
        odd = [path for path in self.folder.rglob("*") if not _is_plain(path)]
        parts = (part for path in odd for part in path.relative_to(self.folder).parent.parts)
        names = {path.name for path in odd} | {part for part in parts if glob.escape(part) != part}
        return sorted(map(glob.escape, names))


def _is_plain(path: Path) -> bool:
    return not path.is_symlink() and (path.is_file() or path.is_dir())


def submissions_of(folder: CourseFolder, lab: str) -> Iterator[Submission]:
    """All collected submissions of a lab, by attendee."""
    if not folder.all_submitted.is_dir():
        return
    for place in sorted(folder.all_submitted.iterdir()):
        if (place / lab).is_dir() and not place.name.startswith("."):
            yield Submission(place.name, lab, place / lab)


def read_submitted(submission: Submission) -> NotebookNode:
    """The submitted notebook, in format 4.

    Raises UnreadableSubmission unless there is one that nbgrader can read.
    """
    return read_handed_in(submission.notebook)


def read_handed_in(file: Path) -> NotebookNode:
    """A notebook that a stranger wrote. Raises UnreadableSubmission with the reason."""
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
    return _notebook(file.name, content)


def _notebook(name: str, content: object) -> NotebookNode:
    if not isinstance(content, dict) or "nbformat" not in content:
        raise UnreadableSubmission(f"{name} is JSON, but not a notebook")
    if content["nbformat"] not in (3, 4):
        raise UnreadableSubmission(f"{name} has notebook format {content['nbformat']!r}, not 4")
    try:
        # Half a character can be written in JSON, but in no file: it becomes a question mark.
        text = json.dumps(content, ensure_ascii=False).encode(errors="replace").decode()
        notebook = sound(nbformat.convert(nbformat.reader.reads(text), 4))  # type: ignore[no-untyped-call]
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
    return notebook
