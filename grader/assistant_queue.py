"""What waits: for an assistant, because nobody could judge it, and for the grader.

Reading it changes nothing and needs no lock: verdicts and the gradebook say what nobody could
judge, the exchange what was handed in, and the grader's own record why something still waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader import gradebook
from grader.arrivals import News, ask, open_source
from grader.database import is_there
from grader.errors import GraderError
from grader.folders import CourseFolder
from grader.judge import CellVerdict
from grader.records import read_record
from grader.settings import GraderSettings
from grader.spec import LabSpec
from grader.verdict import SubmissionVerdict, newest_verdict

_ADVICE = {
    "Missing": "the attendee fetches the lab again, copies the answers over and hands in; "
    "or mark it by hand in the formgrader",
    "BadPoints": "the check gives impossible points: correct the lab, release it, grade again",
}
_UNREADABLE = "look at it with the attendee, who hands in a notebook that opens in JupyterLab"
_LATER = "workshop grade --only {lab} --attendee {attendee}"


@dataclass(frozen=True)
class Unjudged:
    """A check that nobody could judge ("" when it is the whole submission), and what to do."""

    attendee: str
    lab: str
    check: str
    reason: str
    next_step: str


@dataclass(frozen=True)
class Ungraded:
    """A submission that waits to be graded; `place` counts from 1, 0 is not in line."""

    attendee: str
    lab: str
    received: str
    place: int
    reason: str


@dataclass(frozen=True)
class HeldLab:
    """A lab that can't be graded until it is corrected."""

    lab: str
    reason: str
    next_step: str


@dataclass(frozen=True)
class WaitingWork:
    """`exchange_answers` is False when nobody could say what has been handed in."""

    assistant: tuple[Unjudged, ...]
    waiting: tuple[Ungraded, ...]
    held: tuple[HeldLab, ...]
    exchange_answers: bool


def read_queue(settings: GraderSettings, labs: Sequence[LabSpec]) -> WaitingWork:
    """What waits of these labs."""
    folder = CourseFolder(settings.course)
    names = [lab.name for lab in labs]
    record = read_record(folder.standing_record)
    news = _handed_in(settings)
    return WaitingWork(
        assistant=tuple(_unjudged(folder, names)),
        waiting=tuple(_ungraded(folder, record, news or (), names)),
        held=tuple(_held(record, names)),
        exchange_answers=news is not None,
    )


def _unjudged(folder: CourseFolder, labs: Sequence[str]) -> Iterator[Unjudged]:
    if not is_there(folder):
        return
    unmarked = gradebook.unmarked(folder)
    for lab in labs:
        for place in _attendees(folder, lab):
            verdict = newest_verdict(folder.verdicts(lab, place))
            if verdict is None:
                continue
            if verdict.problem:
                yield _whole(verdict)
                continue
            for cell in verdict.unjudged:
                # Marked by hand since: nothing is left to do.
                if (place, lab, cell.cell) in unmarked:
                    yield Unjudged(place, lab, cell.cell, cell.reason, _advice(verdict, cell))


def _attendees(folder: CourseFolder, lab: str) -> list[str]:
    place = folder.all_verdicts / lab
    return sorted(each.name for each in place.iterdir()) if place.is_dir() else []


def _whole(verdict: SubmissionVerdict) -> Unjudged:
    advice = _UNREADABLE if verdict.final else _later(verdict)
    return Unjudged(verdict.attendee, verdict.lab, "", verdict.problem, advice)


def _advice(verdict: SubmissionVerdict, cell: CellVerdict) -> str:
    return _ADVICE.get(cell.cause) or _later(verdict)


def _later(verdict: SubmissionVerdict) -> str:
    return _LATER.format(lab=verdict.lab, attendee=verdict.attendee)


def _handed_in(settings: GraderSettings) -> tuple[News, ...] | None:
    """Everybody's newest submission; None when there is nobody to ask."""
    try:
        source = open_source(settings.exchange.arrivals)
        # A question that tells nothing: the grader's own word must stand.
        return ask(source, "", 0.0, None)[1]
    except (GraderError, ConnectionError):
        return None


def _ungraded(
    folder: CourseFolder, record: Mapping[str, Any], news: Sequence[News], labs: Sequence[str]
) -> Iterator[Ungraded]:
    line = [tuple(each) for each in (*record.get("now", ()), *record.get("waiting", ()))]
    reasons = {(lab, attendee): reason for lab, attendee, reason in record.get("failed", ())}
    found = []
    for each in news:
        arrival = each.arrival
        whose = (arrival.lab, arrival.attendee)
        if (
            arrival.lab not in labs
            or each.answered
            or _has_verdict(folder, *whose, arrival.snapshot)
        ):
            continue
        place = line.index(whose) + 1 if whose in line else 0
        received = arrival.received.isoformat()
        reason = reasons.get(whose, "")
        found.append(Ungraded(arrival.attendee, arrival.lab, received, place, reason))
    yield from sorted(found, key=lambda each: (each.place == 0, each.place, each.received))


def _has_verdict(folder: CourseFolder, lab: str, attendee: str, snapshot: str) -> bool:
    verdict = newest_verdict(folder.verdicts(lab, attendee))
    return verdict is not None and verdict.snapshot == snapshot


def _held(record: Mapping[str, Any], labs: Sequence[str]) -> Iterator[HeldLab]:
    for lab, reason in record.get("held", ()):
        if lab in labs:
            step = "correct the lab and `workshop release` it; then it is graded by itself"
            yield HeldLab(lab, reason, step)
