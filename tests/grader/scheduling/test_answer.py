"""What a worker host says is believed as far as it can be true, and hurts nobody otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from grader.scheduling.answer import answer_text, read_answer
from grader.sealed.limits import Limits
from grader.sealed.submission import AuthorCell, CellOutcome, Outcome, Step, Submission
from grader.sealed.wards import MachineError

SUBMISSION = Submission(
    steps=(Step("a", "student", "x = 1"), Step("t", "test")),
    author_cells=(AuthorCell("a", "solution", "x = 2"), AuthorCell("t", "test", "assert x")),
)
STREAM = {"output_type": "stream", "name": "stdout", "text": "hi\n"}
OUTCOME = Outcome(
    cells=(
        CellOutcome("a", "student", None, outputs=(STREAM,), seconds=0.1),
        CellOutcome("t", "test", "passed", value=1.5),
    ),
    seconds=1.5,
    cpu_seconds=0.5,
    megabytes=12.0,
)


def test_an_honest_answer_is_read_as_it_was_meant() -> None:
    assert read_answer(answer_text(OUTCOME), SUBMISSION, Limits()) == OUTCOME


def changed(change: Callable[[Any], Any]) -> str:
    told = json.loads(answer_text(OUTCOME))
    change(told)
    return json.dumps(told)


def in_cell(number: int, **values: Any) -> str:
    return changed(lambda told: told["cells"][number].update(values))


LIES = {
    "no JSON": "passed",
    "pickled bytes": "\x80\x04\x95",
    "another kind of thing": "[]",
    "very deep": "[" * 100_000,
    "no cells": changed(lambda told: told.update(cells=[])),
    "a cell too many": changed(lambda told: told["cells"].append(told["cells"][1])),
    "another cell": in_cell(1, id="u"),
    "another kind of cell": in_cell(0, kind="test", judgement="passed"),
    "a verdict on what is no check": in_cell(0, judgement="passed"),
    "no verdict on a check": in_cell(1, judgement=None),
    "a verdict that does not exist": in_cell(1, judgement="excellent"),
    "points without a pass": in_cell(1, judgement="failed", value=2.0),
    "infinite points": changed(lambda told: None).replace("1.5", "1e999", 1),
    "time that runs backwards": in_cell(1, seconds=-1.0),
    "a reason that is no text": in_cell(1, reason={"a": 1}),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_makes_no_sense_is_a_broken_machine(lie: str) -> None:
    with pytest.raises(MachineError):
        read_answer(LIES[lie], SUBMISSION, Limits())


def test_outputs_pass_the_sieve_of_a_students_process() -> None:
    outputs = [
        {"output_type": "display_data", "data": {"application/javascript": "steal()"}},
        {"output_type": "execute_result", "data": {"text/plain": "2"}, "execution_count": -1},
        {"output_type": "unheard of"},
        STREAM,
    ]
    read = read_answer(in_cell(0, outputs=outputs), SUBMISSION, Limits())
    assert [each.get("data", each.get("text")) for each in read["a"].outputs] == [
        {},
        {"text/plain": "2"},
        "hi\n",
    ]


def test_a_flood_is_cut() -> None:
    limits = replace(Limits(), notebook_output_bytes=1000)
    flood = [{"output_type": "stream", "name": "stdout", "text": "x" * 2**20}] * 20
    read = read_answer(in_cell(0, outputs=flood, reason="y" * 10**6), SUBMISSION, limits)
    assert len(str(read["a"].outputs)) < 2 * 2**20
    assert len(read["a"].reason) == 4000
