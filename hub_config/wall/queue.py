"""What waits to be judged: for the grader, and for an assistant because nobody could judge it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hub_config.wall.facts import Facts, Person, Work
from hub_config.wall.seat_states import exercise_name

#: The wall lists this many; the rest is counted.
MOST = 3


@dataclass(frozen=True)
class Waiting:
    """A piece of work and why it waits. `person` is None for one who has no seat any more."""

    person: Person | None
    username: str
    lab: str
    what: str
    reason: str


@dataclass(frozen=True)
class QueueNow:
    """`by_itself`: whether a grader works as submissions come in."""

    by_itself: bool
    grading: int
    waiting: int
    not_judged: tuple[Waiting, ...]
    held: tuple[tuple[str, str], ...]

    @property
    def listed(self) -> tuple[Waiting, ...]:
        return self.not_judged[:MOST]

    @property
    def more(self) -> int:
        return max(0, len(self.not_judged) - MOST)


def queue_now(facts: Facts) -> QueueNow:
    grading = facts.grading
    return QueueNow(
        by_itself=grading is not None,
        grading=len(grading.now) if grading else 0,
        waiting=len(grading.waiting) if grading else 0,
        not_judged=tuple(_not_judged(facts)),
        held=grading.held if grading else (),
    )


def _not_judged(facts: Facts) -> Iterator[Waiting]:
    people = {person.username: person for person in facts.people}
    titles = {lab.name: lab.title for lab in facts.labs}
    told = set()
    for work in facts.work:
        for what, reason in _open(facts, work):
            told.add((work.lab, work.attendee))
            person = people.get(work.attendee)
            yield Waiting(person, work.attendee, titles.get(work.lab, work.lab), what, reason)
    # What has no verdict at all, because grading itself failed.
    for lab, attendee, reason in facts.grading.failed if facts.grading else ():
        if (lab, attendee) not in told:
            title = titles.get(lab, lab)
            yield Waiting(people.get(attendee), attendee, title, "the whole submission", reason)


def _open(facts: Facts, work: Work) -> Iterator[tuple[str, str]]:
    waits = {check for attendee, lab, check in facts.not_judged if (attendee, lab) == whose(work)}
    if work.problem and "" in waits:
        yield "the whole submission", work.problem
    for cell, reason in (work.not_judged or {}).items():
        if cell in waits:
            yield exercise_name(facts, work.lab, cell), reason


def whose(work: Work) -> tuple[str, str]:
    return work.attendee, work.lab
