"""One round after the other: learn what came in, grade a fair share of it, decide what is left.

What became of a submission is read from what grading left behind (its verdict, its feedback's
record), so a grader that was killed at any moment starts again from the truth.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from grader.arrival_outcome import Outcome, outcome_of
from grader.arrivals import ArrivalSource, Standing, Whose, ask
from grader.errors import GraderError, NotPossibleHere
from grader.fair_queue import NEVER, Arrival, FairQueue, Waiting
from grader.grading import Choice, grade
from grader.lock import only_grader
from grader.records import read_record, released_version, write_record
from grader.spec import LabSpec
from grader.workplace import Workplace

#: How many attendees one round serves: few, so that whoever comes next needn't wait for long;
#: more than one, so that all cores have work.
ROUND = 4
#: How long a question to the exchange stays open. Also how soon a corrected lab is noticed.
OPEN_SECONDS = 15.0
#: After these many seconds what failed through no fault of the attendee is tried again; after
#: the last of them an assistant sees it.
RETRY_SECONDS = (5.0, 20.0, 60.0, 180.0)

#: How many are graded, how many wait, and what just happened, in words.
Say = Callable[[int, int, str], None]


@dataclass
class Rounds:
    """What is known from one round to the next; all of it can be lost and learnt again."""

    source: ArrivalSource
    say: Say
    #: Only these labs.
    labs: Mapping[str, LabSpec] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    queue: FairQueue = field(default_factory=FairQueue)
    graded: int = 0
    #: Something of ours has failed: the engine should be started anew.
    broken: bool = False
    _mark: str = ""
    #: Labs that can't be graded, and why.
    _held: dict[str, str] = field(default_factory=dict)
    #: What grading a lab depended on when we looked last.
    _seen: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: What nobody could judge.
    _assistant: dict[Whose, None] = field(default_factory=dict)
    _written: dict[str, Any] = field(default_factory=dict)

    def begin_anew(self, labs: Mapping[str, LabSpec]) -> None:
        """Attend to these labs; the exchange tells everything once more."""
        self.labs, self.queue, self._mark = labs, FairQueue(), ""
        for known in (self._held, self._seen, self._assistant):
            known.clear()

    def learn(self, place: Workplace) -> tuple[Waiting, ...]:
        """Tell where things stand, hear what came in, and choose whom to grade now.

        Waits for a while when there is nothing to do. Raises ConnectionError.
        """
        self._look_again(place)
        chosen = self._upcoming()
        standing = self._standing(chosen)
        self._write(place, standing)
        seconds = 0.0 if chosen else self._patience()
        self._mark, news = ask(self.source, self._mark, seconds, standing)
        for each in news:
            if each.arrival.lab in self.labs and not each.answered:
                self.queue.add(each.arrival)
                self._assistant.pop(_whose(each.arrival), None)
        # Once more: a newer one may stand in the place of one of these.
        return self._upcoming()

    def grade(self, place: Workplace, chosen: tuple[Waiting, ...]) -> None:
        """One round, alone on the course; a command that waits for the course comes next."""
        with only_grader(place.folder.lock, "the grader that works as submissions come in"):
            by_lab = sorted(chosen, key=lambda each: each.arrival.lab)
            for lab, waiting in groupby(by_lab, key=lambda each: each.arrival.lab):
                self._grade_lab(place, self.labs[lab], tuple(waiting))

    def _grade_lab(self, place: Workplace, lab: LabSpec, chosen: tuple[Waiting, ...]) -> None:
        only = frozenset(each.arrival.attendee for each in chosen)
        try:
            done = grade(place, [lab], Choice(only=only))
        except NotPossibleHere as error:
            self._held[lab.name] = f"{error.message} ({error.next_step})"
            self.say(self.graded, len(self.queue), f"{lab.name}: nobody is graded: {error}")
        except Exception as error:  # whatever it was, the next submission deserves its chance
            traceback.print_exc()
            self.broken = True
            reason = error.message if isinstance(error, GraderError) else repr(error)
            for each in chosen:
                self._postpone(each, reason)
        else:
            trouble = "; ".join(done.troubles)
            for each in chosen:
                self._settle(each, outcome_of(place.folder, each.arrival, trouble))

    def _settle(self, waiting: Waiting, outcome: Outcome) -> None:
        if outcome.try_again:
            self._postpone(waiting, outcome.reason)
            return
        self.queue.done(waiting)
        self.graded += 1
        self._assistant.pop(_whose(waiting.arrival), None)
        if outcome.for_assistant:
            self._assistant[_whose(waiting.arrival)] = None
        self.say(self.graded, len(self.queue), f"{_name(waiting.arrival)}: {outcome.reason}")

    def _postpone(self, waiting: Waiting, reason: str) -> None:
        if waiting.attempts < len(RETRY_SECONDS):
            until = self.clock() + RETRY_SECONDS[waiting.attempts]
            outlook = f"tried again in {RETRY_SECONDS[waiting.attempts]:g} s"
        else:
            until, outlook = NEVER, "left to an assistant"
            self._assistant[_whose(waiting.arrival)] = None
        self.queue.postpone(waiting, until, reason)
        self.say(
            self.graded, len(self.queue), f"{_name(waiting.arrival)}: {outlook}, because {reason}"
        )

    def _look_again(self, place: Workplace) -> None:
        """Labs that were corrected, and submissions that somebody graded by hand meanwhile."""
        for name, lab in self.labs.items():
            depends_on = _depends_on(place, lab)
            if self._seen.get(name) != depends_on:
                self._held.pop(name, None)
                self.queue.wake(name)
            self._seen[name] = depends_on
        for waiting in self.queue.in_order():
            if waiting.attempts and not outcome_of(place.folder, waiting.arrival, "").try_again:
                self.queue.done(waiting)

    def _upcoming(self) -> tuple[Waiting, ...]:
        return self.queue.upcoming(ROUND, self.clock(), self._held)

    def _patience(self) -> float:
        now = self.clock()
        due = self.queue.next_due(now, self._held)
        return OPEN_SECONDS if due is None else min(OPEN_SECONDS, due - now)

    def _standing(self, chosen: tuple[Waiting, ...]) -> Standing:
        line = [each for each in self.queue.in_order() if not each.parked and each not in chosen]
        return Standing(
            now=tuple(_whose(each.arrival) for each in chosen),
            waiting=tuple(_whose(each.arrival) for each in line),
            assistant=tuple(self._assistant),
            held=tuple(self._held.items()),
        )

    def _write(self, place: Workplace, standing: Standing) -> None:
        """For `workshop status` and `workshop grade queue`, which ask no running process."""
        facts = {
            **asdict(standing),
            "failed": [
                (*_whose(each.arrival), each.reason)
                for each in self.queue.in_order()
                if each.attempts
            ],
        }
        if facts != self._written:
            write_record(place.folder.standing_record, **facts)
            self._written = facts


def _depends_on(place: Workplace, lab: LabSpec) -> tuple[str, ...]:
    """Changes when it is worth to try a lab again; its canary may have passed by hand."""
    passed = read_record(place.folder.canary_record(lab.name)).get("passed", "")
    environment = place.settings.environments[lab.environment].identity
    return released_version(place.folder, lab.name), environment, str(passed)


def _whose(arrival: Arrival) -> Whose:
    return arrival.lab, arrival.attendee


def _name(arrival: Arrival) -> str:
    return f"{arrival.attendee}, {arrival.lab}"
