"""Points come from a positive reply, and from nothing else."""

from __future__ import annotations

import pytest
from nbformat import v4

from grader.verdict_rules import Ending, Reply, one_line, verdict_of_cell


def check(points: float = 4):
    meta = {"grade_id": "c", "grade": True, "solution": False, "points": points}
    return v4.new_code_cell("assert True", metadata={"nbgrader": meta})


def reply_with(outputs=(), **content) -> Reply:
    return Reply.of({"status": "ok", **content}, list(outputs), 0.1)


def value(text: str):
    return v4.new_output("execute_result", data={"text/plain": text})


def test_ok_passes():
    verdict = verdict_of_cell(check(), reply_with(), None)
    assert (verdict.outcome, verdict.points) == ("passed", 4)


def test_stderr_and_stdout_decide_nothing():
    noise = [v4.new_output("stream", name=name, text="!") for name in ("stderr", "stdout")]
    assert verdict_of_cell(check(), reply_with(noise), None).points == 4


def test_an_error_output_fails_even_with_an_ok_reply():
    error = v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    verdict = verdict_of_cell(check(), reply_with([error]), None)
    assert (verdict.outcome, verdict.cause, verdict.reason) == (
        "failed",
        "ValueError",
        "ValueError: no",
    )


def test_an_aborted_reply_fails():
    assert verdict_of_cell(check(), reply_with(status="aborted"), None).outcome == "failed"


@pytest.mark.parametrize(
    ("text", "outcome", "points"),
    [
        ("2.5", "partial", 2.5),
        ("4", "passed", 4),
        ("0", "failed", 0),
        ("'a text'", "passed", 4),
        # nbgrader: full marks for the first two, and no grades at all for the third.
        ("nan", "not judged", 0),
        ("-1", "not judged", 0),
        ("5", "not judged", 0),
        ("inf", "not judged", 0),
    ],
)
def test_a_value_is_partial_credit_within_its_bounds(text, outcome, points):
    verdict = verdict_of_cell(check(), reply_with([value(text)]), None)
    assert (verdict.outcome, verdict.points) == (outcome, points)


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        (None, "not judged"),
        (Ending("KernelKilled", "killed", ours=True), "not judged"),
        (Ending("KernelDied", "died", ours=False), "failed"),
    ],
)
def test_no_reply_never_gives_points(ending, outcome):
    verdict = verdict_of_cell(check(), None, ending)
    assert (verdict.outcome, verdict.points) == (outcome, 0)


def test_a_reason_is_one_safe_line():
    assert one_line("\x1b[31m\x00\n  red\x07 \nmore") == "red"
    assert len(one_line("x" * 10_000)) == 300
