"""Between attendees and the grader: what has arrived, and what the grader says it does about it.

The grader tells where every submission stands each time it asks for new ones; the pages show it to
the attendee. Nothing is kept on disk: a grader or a service that starts again tells it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from hub_config.exchange.arrivals import Arrivals
from hub_config.exchange.records import AssignmentName, EntryId, Snapshot, Username

#: A grader says nothing while it grades a round; after this long it is taken for gone.
_SILENCE_SECONDS = 180
#: The longest that a question for arrivals may be left open.
LONGEST_WAIT = 25

#: "none": there is no grader that grades by itself.
Stage = Literal["none", "waiting", "now", "held", "assistant"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Whose(_Frozen):
    """An attendee's newest work on an assignment."""

    assignment: AssignmentName
    username: Username


class Grading(_Frozen):
    """Where submissions stand: being graded now, in line, or with an assistant."""

    now: tuple[Whose, ...] = ()
    waiting: tuple[Whose, ...] = ()
    assistant: tuple[Whose, ...] = ()
    #: Assignments that can't be graded at the moment.
    held: frozenset[AssignmentName] = frozenset()


class ArrivalsQuestion(_Frozen):
    """What came after `mark`? Wait up to `seconds` for it. And: this is what I am doing."""

    mark: str = ""
    seconds: Annotated[float, Field(ge=0, le=LONGEST_WAIT)] = 0
    #: None leaves what was told before.
    grading: Grading | None = None


class Arrival(_Frozen):
    """The newest snapshot of an attendee; `answered` when feedback on it is there."""

    assignment: AssignmentName
    username: Username
    snapshot: EntryId
    #: Grows from one snapshot of this attendee and assignment to the next.
    number: int
    received: AwareDatetime
    answered: bool


class ArrivalsAnswer(_Frozen):
    mark: str
    arrivals: tuple[Arrival, ...]


@dataclass(frozen=True)
class Standing:
    """What an attendee is told about a submission that has no feedback yet."""

    stage: Stage
    #: The place in line, from 1; 0 when the grader hasn't looked at it yet.
    place: int = 0

    @property
    def moves(self) -> bool:
        """Whether it is worth looking again soon."""
        return self.stage in ("waiting", "now")


@dataclass
class GradingDesk:
    """Belongs to the service's loop, except for `arrivals`, which any thread may tell."""

    arrivals: Arrivals = field(default_factory=Arrivals)
    clock: Callable[[], float] = time.monotonic
    _told: Grading = field(default_factory=Grading)
    _told_at: float | None = None

    def tell(self, grading: Grading) -> None:
        """The grader's own word; it holds until the next one, or until the grader is gone."""
        self._told, self._told_at = grading, self.clock()

    def standing(self, snapshot: Snapshot) -> Standing:
        """Where the newest snapshot of an attendee stands."""
        if self._told_at is None or self.clock() - self._told_at > _SILENCE_SECONDS:
            return Standing("none")
        whose = Whose(assignment=snapshot.assignment, username=snapshot.username)
        if whose in self._told.now:
            return Standing("now")
        if whose.assignment in self._told.held:
            return Standing("held")
        if whose in self._told.assistant:
            return Standing("assistant")
        if whose in self._told.waiting:
            return Standing("waiting", self._told.waiting.index(whose) + 1)
        return Standing("waiting")
