"""What nobody could judge stays on the wall until somebody has marked it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

from hub_config.wall.assistant_queue import AssistantQueue
from hub_config.wall.facts import Work
from provisioning.errors import StepFailed

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class Grader:
    """Answers as `grader/assistant_queue.py` does; counts how often it was asked."""

    def __init__(self, *checks: str) -> None:
        self.checks, self.asked, self.seconds = checks, 0, 0.0
        self.answered = threading.Semaphore(0)

    def ask(self) -> dict[str, Any]:
        self.asked += 1
        try:
            if "broken" in self.checks:
                raise StepFailed("killed")
            rows = [{"attendee": "ada", "lab": "sums", "check": check} for check in self.checks]
            return {"assistant": rows, "waiting": [], "held": []}
        finally:
            self.answered.release()


def waits(*cells: str, problem: str = "") -> list[Work]:
    unjudged = dict.fromkeys(cells, "lost")
    return [Work("ada", "sums", 1, NOW, {}, {}, not_judged=unjudged, problem=problem)]


def checks(queue: AssistantQueue, work: list[Work]) -> list[str]:
    return [check for _, _, check in queue.still_open(work)]


def settled(queue: AssistantQueue, grader: Grader, work: list[Work]) -> list[str]:
    """What is open once the grader has answered."""
    checks(queue, work)
    assert grader.answered.acquire(timeout=10)
    assert queue._asking is not None
    queue._asking.exception(timeout=10)
    return checks(queue, work)


def test_a_check_that_was_marked_by_hand_leaves_the_wall() -> None:
    grader = Grader("mul")
    queue = AssistantQueue(grader.ask, lambda: grader.seconds)
    assert settled(queue, grader, waits("add", "mul")) == ["mul"]


def test_the_grader_is_asked_once_a_minute_and_only_if_something_waits() -> None:
    grader = Grader("mul")
    queue = AssistantQueue(grader.ask, lambda: grader.seconds)
    assert checks(queue, waits()) == []
    assert grader.asked == 0
    assert settled(queue, grader, waits("mul")) == ["mul"]
    grader.seconds = 59
    assert checks(queue, waits("mul")) == ["mul"]
    assert grader.asked == 1
    grader.seconds, grader.checks = 61, ()
    assert settled(queue, grader, waits("mul")) == []
    assert grader.asked == 2


def test_what_is_new_is_open_at_once() -> None:
    grader = Grader()
    queue = AssistantQueue(grader.ask, lambda: grader.seconds)
    assert settled(queue, grader, waits("add")) == []
    assert checks(queue, waits("add", "mul")) == ["mul"]
    assert checks(queue, waits("add", problem="unreadable")) == [""]


def test_a_grader_that_fails_hides_nothing() -> None:
    grader = Grader("broken")
    queue = AssistantQueue(grader.ask, lambda: grader.seconds)
    assert settled(queue, grader, waits("add")) == ["add"]
