"""What one robot did, in order: the steps, when each began, and where it got stuck."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    """`began` is on this process's monotonic clock, in seconds."""

    name: str
    began: float
    seconds: float

    @property
    def ended(self) -> float:
        return self.began + self.seconds


@dataclass
class Journey:
    """`problem` is empty for a robot that came to its end."""

    username: str
    #: On the same clock as the steps.
    arrived: float = field(default_factory=time.monotonic)
    steps: list[Step] = field(default_factory=list)
    #: The step that it is in, or got stuck in.
    doing: str = ""
    problem: str = ""
    #: What the robot did that a table of steps does not say, such as "came back".
    story: str = ""
    #: Where its first cell ran, such as gpu(0).
    device: str = ""
    #: Answers of 500 and above, also those that a page tried again by itself.
    server_errors: int = 0

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        self.doing = name
        began = time.monotonic()
        yield
        self.steps.append(Step(name, began, time.monotonic() - began))
        self.doing = ""

    def until(self, name: str) -> float | None:
        """Seconds from the arrival to the end of that step; None if it was not reached."""
        ends = [step.ended for step in self.steps if step.name == name]
        return ends[0] - self.arrived if ends else None
