"""A small exchange for tests of grading on submit: what lies in the course's submitted folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from grader.folders import CourseFolder

LAB = "sums"
START = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
#: Where `python -m grader watch` finds the course when this class is its exchange.
COURSE_VARIABLE = "TEST_COURSE"


def hand_in(course: Any, attendee: str, answers: Mapping[str, str], number: int = 1) -> str:
    """As the exchange's collect would leave it: with the exchange's own name and time."""
    stamp = f"{START + timedelta(seconds=number):%Y-%m-%d %H:%M:%S.%f} UTC"
    return _name(course.submit_answers(attendee, answers, stamp=stamp), attendee, number)


def hand_in_text(course: Any, attendee: str, text: str, number: int = 1) -> str:
    """The same with anything for a notebook."""
    stamp = f"{START + timedelta(seconds=number):%Y-%m-%d %H:%M:%S.%f} UTC"
    return _name(course.submit(attendee, text, stamp=stamp), attendee, number)


def _name(place: Path, attendee: str, number: int) -> str:
    snapshot = f"{number:06d}-{attendee}"
    facts = {"id": snapshot, "number": number}
    whole = place / ".snapshot.json"
    whole.write_text(json.dumps(facts))
    whole.replace(place / "snapshot.json")  # whoever looks all the time never finds half of it
    return snapshot


class FolderArrivals:
    """An ArrivalSource. The mark is how many submissions there were."""

    def __init__(self, course: Path | None = None) -> None:
        self._folder = CourseFolder(course or Path(os.environ[COURSE_VARIABLE]))
        self._order: list[tuple[str, str]] = []
        self.told: list[Mapping[str, Any] | None] = []
        self.answers = True

    def ask(
        self, mark: str, seconds: float, standing: Mapping[str, Any] | None
    ) -> tuple[str, list[dict[str, Any]]]:
        if not self.answers:
            raise ConnectionError("nobody listens")
        self.told.append(standing)
        news = self._news(mark)
        if not news and seconds and COURSE_VARIABLE in os.environ:
            time.sleep(0.1)
            news = self._news(mark)
        return str(len(self._order)), news

    def _news(self, mark: str) -> list[dict[str, Any]]:
        found = {}
        for file in sorted(self._folder.root.glob(f"submitted/*/{LAB}/snapshot.json")):
            facts = json.loads(file.read_text())
            found[file.parent.parent.name, facts["id"]] = facts
        self._order += [key for key in found if key not in self._order]
        return [
            self._arrival(attendee, found[attendee, snapshot])
            for attendee, snapshot in self._order[int(mark or 0) :]
            if (attendee, snapshot) in found
        ]

    def _arrival(self, attendee: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "assignment": LAB,
            "username": attendee,
            "snapshot": facts["id"],
            "number": facts["number"],
            "received": (START + timedelta(seconds=facts["number"])).isoformat(),
            "answered": False,
        }
