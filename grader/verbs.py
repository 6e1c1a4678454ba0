"""The verbs of `python -m grader`: each takes settings, says what it does, returns facts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from grader import gradebook
from grader.assistant_queue import read_queue
from grader.class_results import read_results
from grader.course import ensure_course
from grader.database import is_there
from grader.errors import BadInput, NotPossibleHere, Place
from grader.events import Progress
from grader.folders import CourseFolder
from grader.forgetting import forget
from grader.grading import Choice, grade
from grader.lock import only_grader
from grader.release import ensure_released
from grader.report import write_report
from grader.results import ClassResults
from grader.settings import GraderSettings
from grader.spec import LabSpec
from grader.watch import Watch
from grader.workplace import Workplace, open_workplace

Facts = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A verb's arguments."""

    verb: str
    settings: GraderSettings
    labs: Sequence[str]
    only: Sequence[str]
    force: bool
    progress: Progress
    #: Where the settings were read from: whoever runs for long reads them again.
    settings_file: Path

    def chosen_labs(self) -> tuple[LabSpec, ...]:
        """The labs named, or all of them."""
        spec = self.settings.spec
        for name in self.labs:
            if spec.lab(name) is None:
                known = ", ".join(lab.name for lab in spec.labs)
                file = self.settings.coursework / "course.yaml"
                raise BadInput(Place(file), f"no lab is called {name!r}", f"one of: {known}")
        return tuple(lab for lab in spec.labs if not self.labs or lab.name in self.labs)

    def chosen_attendees(self) -> frozenset[str]:
        """The attendees named; none stands for all of them."""
        submitted = CourseFolder(self.settings.course).all_submitted
        there = {each.name for each in submitted.iterdir()} if submitted.is_dir() else set()
        known = {person.username for person in self.settings.people} | there
        for name in self.only:
            if name not in known:
                raise BadInput(
                    Place(submitted), f"no attendee is called {name!r}", "see `workshop seat list`"
                )
        return frozenset(self.only)


def course(request: Request) -> Facts:
    """Make or update the course folder."""
    with _alone(request):
        return {"changed": ensure_course(request.settings)}


def release(request: Request) -> Facts:
    """Release labs that attendees don't have in their present text."""
    with _workplace(request) as place:
        outcomes = [
            ensure_released(place, lab, force=request.force, progress=request.progress)
            for lab in request.chosen_labs()
        ]
    return {"labs": [dataclasses.asdict(outcome) for outcome in outcomes]}


def grade_labs(request: Request) -> Facts:
    """Collect, judge, send feedback."""
    choice = Choice(request.chosen_attendees(), request.force)
    with _workplace(request) as place:
        done = grade(place, request.chosen_labs(), choice, progress=request.progress)
    return dataclasses.asdict(done)


def watch(request: Request) -> Facts:
    """Grade as submissions come in, until we are told to end."""
    labs = [lab.name for lab in request.chosen_labs()] if request.labs else []
    return {"graded": Watch(request.settings_file, labs, request.progress).run()}


def queue(request: Request) -> Facts:
    """What waits: for an assistant, because nobody could judge it, and to be graded."""
    return dataclasses.asdict(read_queue(request.settings, request.chosen_labs()))


def results(request: Request) -> Facts:
    """What the gradebook says, as the JSON of grader.results.ClassResults."""
    found = _read(request)
    return {"results": TypeAdapter(ClassResults).dump_python(found, mode="json")}


def report(request: Request) -> Facts:
    """The report page and the table, and nbgrader's own export beside them."""
    settings = request.settings
    files = write_report(_read(request), settings.reports)
    export = settings.reports / "nbgrader-export.csv"
    gradebook.export_csv(CourseFolder(settings.course), settings.spec.name, export)
    paths = {key: str(value) for key, value in dataclasses.asdict(files).items()}
    return {**paths, "nbgrader_export": str(export)}


def forget_robots(request: Request) -> Facts:
    """Take the named attendees, who have no seat, out of the course."""
    with _alone(request):
        return {"forgotten": forget(request.settings, request.only)}


@contextmanager
def _workplace(request: Request) -> Iterator[Workplace]:
    with _alone(request):
        ensure_course(request.settings)
        with open_workplace(request.settings) as place:
            yield place


@contextmanager
def _alone(request: Request) -> Iterator[None]:
    """Hold the course; whoever has to wait for it reads who has it."""

    def say(holder: str) -> None:
        request.progress("waiting", 0, 1, f"for {holder}")

    with only_grader(CourseFolder(request.settings.course).lock, f"`{request.verb}`", say):
        yield


def _read(request: Request) -> ClassResults:
    folder = CourseFolder(request.settings.course)
    if not is_there(folder):
        raise NotPossibleHere("nothing is graded yet", next_step="run `workshop grade`")
    return read_results(folder, request.settings.spec, datetime.now(UTC))


VERBS: dict[str, Callable[[Request], Facts]] = {
    "course": course,
    "release": release,
    "grade": grade_labs,
    "watch": watch,
    "queue": queue,
    "results": results,
    "report": report,
    "forget": forget_robots,
}
