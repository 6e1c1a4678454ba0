"""How far everybody is: from the grader's verdicts and the course's notebooks, read as files.

This room does not import the grader; both sides know the files (see grader/verdict.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from hub_config.wall.facts import Exercise, Lab, Outcome, Work

_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
#: A cell that was never touched: nobody is stuck where she has not begun.
_UNTOUCHED = "NotImplementedError"
_OUTCOMES = frozenset(get_args(Outcome))


class _Cell(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    cell: str
    outcome: Outcome
    reason: str = ""
    cause: str = ""


class Verdict(BaseModel):
    """The part of a verdict that the wall shows."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    attendee: str
    lab: str
    snapshot: str
    submitted_at: datetime | None = None
    judged_at: datetime
    cells: tuple[_Cell, ...] = ()
    problem: str = ""

    @property
    def moment(self) -> datetime:
        return self.submitted_at or self.judged_at

    def passed(self) -> frozenset[str]:
        return frozenset(each.cell for each in self.cells if each.outcome == "passed")


def work_of(verdicts: Iterable[Verdict]) -> Work:
    """One attendee's verdicts on one lab (at least one) as what the wall shows of them."""
    # A snapshot that was judged twice counts once, as it was judged last.
    last = {each.snapshot: each for each in sorted(verdicts, key=lambda one: one.judged_at)}
    in_order = sorted(last.values(), key=lambda one: one.moment)
    newest = in_order[-1]
    passed_at: dict[str, datetime] = {}
    barren = 0
    for verdict in in_order:
        new = verdict.passed() - passed_at.keys()
        barren = 0 if new else barren + 1
        passed_at |= dict.fromkeys(new, verdict.moment)
    return Work(
        attendee=newest.attendee,
        lab=newest.lab,
        submissions=len(in_order),
        judged_at=newest.judged_at,
        outcomes={each.cell: each.outcome for each in newest.cells},
        passed_at=passed_at,
        barren=barren,
        at=_failing(newest),
        not_judged={each.cell: each.reason for each in newest.cells if _waits(each)},
        problem=newest.problem,
    )


def _waits(cell: _Cell) -> bool:
    return cell.outcome == "not judged"


def _failing(verdict: Verdict) -> str:
    """The first exercise that was tried and fails; "" when none does."""
    failing = [each for each in verdict.cells if each.outcome in ("failed", "partial")]
    tried = [each for each in failing if each.cause != _UNTOUCHED]
    return next((each.cell for each in (*tried, *failing)), "")


@dataclass
class VerdictFolder:
    """Verdicts on disk, each file read once: they are written whole and rarely replaced."""

    folder: Path
    _known: dict[Path, tuple[tuple[int, int], Verdict | None]] = field(default_factory=dict)

    def work(self, labs: Iterable[str]) -> tuple[Work, ...]:
        return tuple(
            work_of(verdicts)
            for lab in labs
            for attendee in _folders(self.folder / lab)
            if (verdicts := list(self._read_all(attendee)))
        )

    def _read_all(self, folder: Path) -> Iterator[Verdict]:
        for path in sorted(folder.glob("*.json")):
            try:
                status = path.stat()
            except OSError:
                continue  # replaced at this moment; the next look finds it
            mark = (status.st_mtime_ns, status.st_size)
            known = self._known.get(path)
            if known is None or known[0] != mark:
                known = self._known[path] = (mark, _read_verdict(path))
            if known[1] is not None:
                yield known[1]


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.iterdir() if each.is_dir())
    except OSError:
        return []


def _read_verdict(path: Path) -> Verdict | None:
    try:
        return Verdict.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


@dataclass
class ReleasedLabs:
    """The labs that were released, in the course's order, with their exercises."""

    course: Path
    _known: dict[Path, tuple[int, tuple[Exercise, ...]]] = field(default_factory=dict)

    def read(self, spec: Mapping[str, Any]) -> tuple[Lab, ...]:
        """`spec` is what grader.json says of the course."""
        labs = []
        for each in spec.get("labs", ()):
            name, title = str(each.get("name", "")), str(each.get("title", ""))
            if (self.course / "records" / "release" / f"{name}.json").is_file():
                exercises = self._exercises(self.course / "source" / name / f"{name}.ipynb", title)
                labs.append(Lab(name, title or name, exercises))
        return tuple(labs)

    def _exercises(self, notebook: Path, title: str) -> tuple[Exercise, ...]:
        try:
            mark = notebook.stat().st_mtime_ns
            if notebook not in self._known or self._known[notebook][0] != mark:
                found = exercises_of(json.loads(notebook.read_bytes()), title)
                self._known[notebook] = (mark, found)
            return self._known[notebook][1]
        except (OSError, ValueError):
            return ()


def exercises_of(notebook: Mapping[str, Any], title: str) -> tuple[Exercise, ...]:
    """The graded cells of a notebook (its JSON), each titled by the nearest heading above it."""
    heading, exercises = title, []
    for cell in notebook.get("cells", ()):
        if cell.get("cell_type") == "markdown":
            found = _HEADING.findall("".join(cell.get("source", "")))
            heading = found[-1] if found else heading
        meta = cell.get("metadata", {}).get("nbgrader", {})
        if meta.get("grade"):
            exercises.append(Exercise(str(meta["grade_id"]), heading, float(meta["points"])))
    return tuple(exercises)
