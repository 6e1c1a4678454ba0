"""The demo's course of events, from a hub that answers to a class with grades and feedback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub_config.course_desk import CourseDesk
from hub_config.grading_process import Progress
from hub_config.rehearsal.journeys import ClassOrder, class_at_work, class_reads_feedback
from hub_config.rehearsal.stage import attendances, source_notebooks, what_was_reached
from hub_config.rehearsal.verdict import ScoreLine, StepTimes, problems, score_lines, step_times
from hub_config.up import Prepared


@dataclass(frozen=True)
class DemoOutcome:
    """`failures` is empty when everything went as it must."""

    lines: tuple[ScoreLine, ...]
    times: tuple[StepTimes, ...]
    failures: tuple[str, ...]


def play(
    prepared: Prepared, desk: CourseDesk, labs: Mapping[str, str], progress: Progress
) -> DemoOutcome:
    """Release, robots at work, grades, feedback, report. `labs` is name to kernel."""
    paths = prepared.order.paths
    people = attendances(prepared.issued.new_codes)
    desk.ask("release", progress=progress)
    sources = source_notebooks(paths, labs)
    settings = prepared.settings
    order = ClassOrder(settings.address, settings.course, settings.seat.kernels[0], labs, sources)
    worked = class_at_work(order, people, progress)
    desk.ask("grade", progress=progress)
    read = class_reads_feedback(order, people, progress)
    desk.ask("report", progress=progress)
    results = desk.ask("results", progress=progress)["results"]
    lines = score_lines(people, sources, results)
    surprises = [f"{each.username}, {each.lab}: {cell}" for each in lines for cell in each.wrong]
    reached = what_was_reached(paths, people)
    failures = (*problems(worked), *problems(read), *surprises, *reached)
    return DemoOutcome(lines, step_times((*worked, *read)), failures)
