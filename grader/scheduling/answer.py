"""What a worker host says about a run, read as if an attendee had written it.

A host on which attendees work may have been taken over. So its answer is text; the text must
have exactly the shape of an outcome of this submission; and outputs pass the same sieve as those
of a student's process. What it can do is to lie about its own runs. What makes no sense is a
broken machine: nobody's points depend on it.
"""

from __future__ import annotations

import math
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from grader.sealed.limits import Limits
from grader.sealed.notebook_outputs import clean_outputs
from grader.sealed.submission import CellOutcome, Outcome, Step, Submission
from grader.sealed.wards import MachineError

_OUTCOME = TypeAdapter(Outcome)
#: Characters of a reason, of an exception's name, and of what only instructors see.
_REASON, _CAUSE, _DETAIL = 4000, 200, 20_000
#: What every output may weigh that is not the notebook's: the frames of failed checks.
_ROOM_FOR_CHECKS = 2**20


def answer_text(outcome: Outcome) -> str:
    """An outcome as a worker sends it."""
    return _OUTCOME.dump_json(outcome).decode()


def read_answer(text: str, submission: Submission, limits: Limits) -> Outcome:
    """The outcome of exactly this submission. Raises MachineError for anything else."""
    try:
        outcome = _OUTCOME.validate_json(text)
    except (ValidationError, RecursionError, UnicodeEncodeError) as error:
        raise MachineError(f"a worker host's answer can't be read: {_short(error)}") from None
    if len(outcome.cells) != len(submission.steps):
        raise MachineError("a worker host's answer is about other cells")
    room = limits.notebook_output_bytes + _ROOM_FOR_CHECKS
    cells = []
    for step, cell in zip(submission.steps, outcome.cells, strict=True):
        read = _read_cell(step, cell, room)
        room -= sum(len(str(output)) for output in read.outputs)
        cells.append(read)
    numbers = (outcome.seconds, outcome.cpu_seconds, outcome.megabytes)
    if not all(map(_possible, numbers)):
        raise MachineError("a worker host's answer has impossible numbers")
    return replace(outcome, cells=tuple(cells))


def _read_cell(step: Step, cell: CellOutcome, room: int) -> CellOutcome:
    if (cell.id, cell.kind) != (step.id, step.kind):
        raise MachineError("a worker host's answer is about other cells")
    if (cell.judgement is not None) != (step.kind == "test"):
        raise MachineError("a worker host's answer judges what is no check, or no check")
    if not all(map(_possible, (cell.seconds, cell.cpu_seconds, cell.megabytes))):
        raise MachineError("a worker host's answer has impossible numbers")
    if cell.value is not None and (cell.judgement != "passed" or not math.isfinite(cell.value)):
        raise MachineError("a worker host's answer has an impossible value")
    return replace(
        cell,
        reason=cell.reason[:_REASON],
        cause=cell.cause[:_CAUSE],
        detail=cell.detail[:_DETAIL],
        outputs=clean_outputs(list(cell.outputs), max(room, 0)),
    )


def _possible(number: float) -> bool:
    return math.isfinite(number) and number >= 0.0


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:200]
    return type(error).__name__
