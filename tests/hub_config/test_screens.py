"""What the command line says about work that waits, and about grading as it comes in."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from hub_config.screens import graded_lines, queue_lines, status_table
from hub_config.status import GradingNow, WorkshopStatus, read_grading

NOTHING = {"held": [], "assistant": [], "waiting": [], "exchange_answers": True}
STUCK = {"attendee": "ada", "lab": "sums", "check": "", "reason": "no notebook", "next_step": "ask"}


def test_nothing_waits() -> None:
    assert list(queue_lines(NOTHING)) == ["Nothing waits: every submission is graded."]


def test_nobody_knows_what_waits_while_the_exchange_is_away() -> None:
    (line,) = queue_lines({**NOTHING, "exchange_answers": False})
    assert "is not known" in line


def test_everything_that_waits_has_its_reason_and_the_next_step() -> None:
    held = {"lab": "words", "reason": "the solution does not pass", "next_step": "correct it"}
    waiting = {"attendee": "bob", "lab": "sums", "received": "2026-12-01T09:30:00+00:00"}
    in_line = {**waiting, "place": 2, "reason": ""}
    failed = {**waiting, "place": 0, "reason": "out of memory"}
    found = {**NOTHING, "held": [held], "assistant": [STUCK], "waiting": [in_line, failed]}
    assert list(queue_lines(found)) == [
        "Nobody is graded: words: the solution does not pass",
        "  → correct it",
        "For an assistant: ada, sums, the whole submission: no notebook",
        "  → ask",
        "Waits to be graded: bob, sums, handed in at 09:30:00 UTC, number 2 in line",
        "Waits to be graded: bob, sums, handed in at 09:30:00 UTC: out of memory",
    ]


def test_a_grading_that_leaves_something_names_the_command_that_helps() -> None:
    counts = {"judged": 1, "unchanged": 0, "feedback_sent": 1, "unsealed": [], "troubles": []}
    cell = {"attendee": "ada", "lab": "sums", "cell": "check-add", "reason": "it is missing"}
    *_, last = graded_lines({**counts, "queue": [cell]})
    assert last == "What to do about it: workshop grade queue"
    assert len(list(graded_lines({**counts, "queue": []}))) == 1


def test_status_shows_what_keeps_a_lab_from_being_graded(tmp_path: Path) -> None:
    record = tmp_path / "records" / "standing.json"
    record.parent.mkdir()
    told = {
        "now": [["sums", "ada"]],
        "waiting": [["sums", "bob"], ["sums", "cyd"]],
        "assistant": [],
        "held": [["words", "the solution does not pass"]],
        "failed": [["sums", "bob", "out of memory"]],
    }
    record.write_text(json.dumps(told))
    grading = read_grading(tmp_path)
    assert (grading.now, grading.waiting, grading.assistant) == (1, 2, 0)
    text = io.StringIO()
    status = WorkshopStatus("demo", None, True, (), (), {}, grading)
    Console(file=text, width=160).print(status_table(status))
    shown = text.getvalue()
    assert "now 1, in line 2, for an assistant 0" in shown
    assert "nobody is graded" in shown
    assert "the solution does not pass" in shown
    assert "out of memory" in shown


def test_a_grader_that_has_said_nothing_yet_is_no_failure(tmp_path: Path) -> None:
    assert read_grading(tmp_path) == GradingNow()
