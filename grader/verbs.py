"""The verbs of `python -m grader`: each takes settings, says what it does, returns facts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from grader import gradebook
from grader.canary import prove
from grader.class_results import read_results
from grader.course import ensure_course
from grader.errors import BadInput, NotPossibleHere, Place
from grader.events import Progress
from grader.folders import CourseFolder
from grader.grading import Choice, grade
from grader.lock import only_grader
from grader.notebooks import lab_of_notebook
from grader.release import canary_of, ensure_released
from grader.report import write_report
from grader.results import ClassResults
from grader.settings import GraderSettings
from grader.spec import LabSpec
from grader.workplace import Workplace, open_workplace

Facts = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A verb's arguments."""

    settings: GraderSettings
    labs: Sequence[str]
    only: Sequence[str]
    force: bool
    progress: Progress

    def chosen_labs(self) -> tuple[LabSpec, ...]:
        """The labs named, or all of them."""
        spec = self.settings.spec
        for name in self.labs:
            if spec.lab(name) is None:
                known = ", ".join(lab.name for lab in spec.labs)
                file = self.settings.coursework / "course.yaml"
                raise BadInput(Place(file), f"no lab is called {name!r}", f"one of: {known}")
        return tuple(lab for lab in spec.labs if not self.labs or lab.name in self.labs)


def course(request: Request) -> Facts:
    """Make or update the course folder."""
    with only_grader(CourseFolder(request.settings.course).lock):
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
    choice = Choice(frozenset(request.only), request.force)
    with _workplace(request) as place:
        done = grade(place, request.chosen_labs(), choice, progress=request.progress)
    return dataclasses.asdict(done)


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


def prove_labs(request: Request) -> Facts:
    """Try labs without releasing them: the solution passes, the untouched release does not."""
    with _workplace(request) as place:
        labs = request.chosen_labs()
        proofs = []
        for number, lab in enumerate(labs):
            request.progress("prove", number, len(labs), lab.name)
            proofs.append(_proof(place, lab))
    return {"labs": proofs}


def _proof(place: Workplace, lab: LabSpec) -> Facts:
    canary = canary_of(place, lab)
    found = lab_of_notebook(canary.notebook, lab.name, lab.title)
    facts = {"lab": lab.name, "points": found.points, "exercises": len(found.exercises)}
    return {**facts, "findings": prove(canary, place.judge)}


@contextmanager
def _workplace(request: Request) -> Iterator[Workplace]:
    with only_grader(CourseFolder(request.settings.course).lock):
        ensure_course(request.settings)
        with open_workplace(request.settings) as place:
            yield place


def _read(request: Request) -> ClassResults:
    folder = CourseFolder(request.settings.course)
    if not folder.gradebook.exists():
        raise NotPossibleHere("nothing is graded yet", next_step="run `workshop grade`")
    return read_results(folder, request.settings.spec, datetime.now(UTC))


VERBS: dict[str, Callable[[Request], Facts]] = {
    "course": course,
    "release": release,
    "grade": grade_labs,
    "results": results,
    "report": report,
    "prove": prove_labs,
}
