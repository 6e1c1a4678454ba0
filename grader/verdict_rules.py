"""From what was seen of a cell's run to its verdict. Only a positive reply gives points."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader.utils import compute_checksum

from grader.judge import CellVerdict, Outcome
from grader.notebooks import is_marked_by_hand

_CONTROL = re.compile(r"\x1b\[[0-9;]*m|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Reply:
    """The kernel's answer to one cell."""

    ok: bool
    cause: str = ""
    message: str = ""
    #: Text of the cell's value, if it had one: a number is partial credit.
    value: str | None = None
    seconds: float = 0.0

    @classmethod
    def of(cls, content: dict[str, Any], outputs: Sequence[NotebookNode], seconds: float) -> Reply:
        """stderr decides nothing: a warning is not a wrong answer."""
        errors = [output for output in outputs if output.output_type == "error"]
        values = [output for output in outputs if output.output_type == "execute_result"]
        value = values[0].data.get("text/plain") if values else None
        if content.get("status") == "ok" and not errors:
            return cls(True, value=value, seconds=seconds)
        told = errors[0] if errors and content.get("status") != "error" else content
        cause = str(told.get("ename", "")) or "NotRun"
        return cls(False, cause[:100], str(told.get("evalue", "")), seconds=seconds)


@dataclass(frozen=True)
class Ending:
    """Why a run ended before its last cell. `ours`: the attendee may not be to blame."""

    cause: str
    reason: str
    ours: bool


def verdict_of_cell(cell: NotebookNode, reply: Reply | None, ending: Ending | None) -> CellVerdict:
    """The verdict on one graded cell; without a reply it depends on how the run ended."""
    name, most = cell.metadata.nbgrader.grade_id, float(cell.metadata.nbgrader.points)
    if is_marked_by_hand(cell):
        return _by_hand(cell, name, most)
    if reply is None:
        return _never_ran(name, most, ending)
    if not reply.ok:
        reason = one_line(f"{reply.cause}: {reply.message}".rstrip(": "))
        return CellVerdict(name, "failed", 0.0, most, reason, reply.cause, reply.seconds)
    return _passed(name, most, reply)


def _by_hand(cell: NotebookNode, name: str, most: float) -> CellVerdict:
    if cell.metadata.nbgrader.get("checksum") == compute_checksum(cell):
        return CellVerdict(name, "failed", 0.0, most, "no answer was given", "NoAnswer")
    return CellVerdict(name, "by hand", 0.0, most, "waits for a mark by hand")


def _never_ran(name: str, most: float, ending: Ending | None) -> CellVerdict:
    if ending is None:
        reason = "this check did not run, and we don't know why"
        return CellVerdict(name, "not judged", 0.0, most, reason, "NotRun")
    reason = f"this check did not run: {ending.reason}"
    outcome: Outcome = "not judged" if ending.ours else "failed"
    return CellVerdict(name, outcome, 0.0, most, reason, ending.cause)


def _passed(name: str, most: float, reply: Reply) -> CellVerdict:
    """nbgrader's partial credit: a check whose value is a number earns that many points."""
    try:
        points = float(reply.value) if reply.value is not None else most
    except ValueError:
        points = most
    if not math.isfinite(points) or not 0 <= points <= most:
        reason = f"the check gave {one_line(str(reply.value))} of {most:g} points"
        return CellVerdict(name, "not judged", 0.0, most, reason, "BadPoints", reply.seconds)
    if points == most:
        return CellVerdict(name, "passed", most, most, seconds=reply.seconds)
    reason = f"partial credit: {points:g} of {most:g} points"
    outcome: Outcome = "partial" if points else "failed"
    return CellVerdict(name, outcome, points, most, reason, "", reply.seconds)


def one_line(text: str) -> str:
    """The first line with text in it, safe to print anywhere, of bounded length."""
    clean = (_CONTROL.sub("", line).strip() for line in text.splitlines())
    return next((line for line in clean if line), "")[:300]
