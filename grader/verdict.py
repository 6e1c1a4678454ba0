"""The verdict on one submission, as a JSON file: what the gradebook's scores are written from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from grader import durable
from grader.judge import CellVerdict

#: Changes when the same submission could be judged differently by newer code of ours.
ENGINE = "sealed-1"


@dataclass(frozen=True)
class Basis:
    """Everything that a verdict depends on. The same basis needs no second run."""

    submission: str
    lab_version: str
    environment: str
    engine: str = ENGINE
    #: False: judged in the attendee's own process, so the verdict could be cheated.
    sealed: bool = True

    @property
    def key(self) -> str:
        how = self.engine if self.sealed else f"{self.engine} in-kernel"
        return durable.text_digest(self.submission, self.lab_version, self.environment, how)


@dataclass(frozen=True)
class SubmissionVerdict:
    """Written once per snapshot and basis. `problem` is set when no cell could be judged."""

    attendee: str
    lab: str
    basis: Basis
    #: The exchange's own name of the snapshot, if it has one.
    snapshot: str
    submitted_at: datetime | None
    judged_at: datetime
    cells: tuple[CellVerdict, ...]
    problem: str = ""
    #: False: the cause was ours, so the next run tries again.
    final: bool = True
    #: Where an assignment has several notebooks, which one; a lab's is called as the lab.
    part: str = ""

    @property
    def notebook(self) -> str:
        return self.part or self.lab

    @property
    def points(self) -> float:
        return sum(cell.points for cell in self.cells)

    @property
    def unjudged(self) -> tuple[CellVerdict, ...]:
        """What an assistant should look at."""
        return tuple(cell for cell in self.cells if cell.outcome == "not judged")


_ADAPTER = TypeAdapter(SubmissionVerdict)


def verdict_file(folder: Path, basis: Basis) -> Path:
    return folder / f"{basis.key[:20]}.json"


def write_verdict(folder: Path, verdict: SubmissionVerdict) -> None:
    text = _ADAPTER.dump_json(verdict, indent=1).decode()
    durable.write_text(verdict_file(folder, verdict.basis), text + "\n")


def read_verdict(folder: Path, basis: Basis) -> SubmissionVerdict | None:
    """The verdict on exactly this basis, if there is one."""
    return _read(verdict_file(folder, basis))


def newest_verdict(folder: Path) -> SubmissionVerdict | None:
    """The verdict given last, on whatever basis."""
    read = [_read(file) for file in folder.glob("*.json")]
    return max((one for one in read if one), key=lambda one: one.judged_at, default=None)


def _read(file: Path) -> SubmissionVerdict | None:
    try:
        return _ADAPTER.validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
