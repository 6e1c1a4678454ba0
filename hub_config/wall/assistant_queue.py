"""Which checks still wait for a mark. Only the grader knows the gradebook, so it is asked.

It is a command of its own and costs a few seconds of CPU: it is asked in the background, when
something could not be judged, and then once a minute until staff have marked it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from hub_config.grading_process import GradingProcess
from hub_config.install import Owner
from hub_config.programs import exchange_url, grader_settings
from hub_config.settings import HubSettings, Secrets
from hub_config.supervisor import MARK
from hub_config.wall.facts import OpenCheck, Work
from provisioning.errors import WorkshopError

_SECONDS = 60.0
_LOG = logging.getLogger(__name__)


@dataclass
class AssistantQueue:
    """`ask` runs the grader and returns what it says."""

    ask: Callable[[], dict[str, Any]]
    clock: Callable[[], float] = time.monotonic
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _asking: Future[dict[str, Any]] | None = None
    _asked_for: frozenset[OpenCheck] = frozenset()
    _asked_at: float = 0.0
    _answer: frozenset[OpenCheck] | None = None
    _answered_for: frozenset[OpenCheck] = frozenset()

    def still_open(self, work: Iterable[Work]) -> tuple[OpenCheck, ...]:
        """What nobody could judge and nobody has marked, as far as the grader has said yet."""
        wanted = frozenset(unjudged(work))
        self._hear()
        due = wanted != self._asked_for or self.clock() - self._asked_at > _SECONDS
        if wanted and due and self._asking is None:
            self._asked_for, self._asked_at = wanted, self.clock()
            self._asking = self._pool.submit(self.ask)
        if self._answer is None:
            return tuple(sorted(wanted))
        # What is new since the last answer is open until the next one.
        return tuple(sorted(wanted & (self._answer | (wanted - self._answered_for))))

    def _hear(self) -> None:
        if self._asking is None or not self._asking.done():
            return
        asking, self._asking = self._asking, None
        try:
            told = asking.result()["assistant"]
            self._answer = frozenset((one["attendee"], one["lab"], one["check"]) for one in told)
            self._answered_for = self._asked_for
        except (WorkshopError, OSError, KeyError, TypeError) as error:
            # The wall then shows what the verdicts say.
            _LOG.warning("The grader did not say what waits for a mark: %s", error)
            self._answer = None


def unjudged(work: Iterable[Work]) -> Iterable[OpenCheck]:
    """What the verdicts leave to a person; the check is "" for a whole submission."""
    for each in work:
        if each.problem:
            yield each.attendee, each.lab, ""
        else:
            yield from ((each.attendee, each.lab, cell) for cell in each.not_judged or {})


def ask_grader(settings: HubSettings) -> dict[str, Any]:
    """`workshop grade queue`, as the account that owns the course. Raises WorkshopError."""
    course = settings.state_home / "course"
    secrets = Secrets.model_validate_json(settings.secrets_file.read_text())
    owner = course.stat()
    process = GradingProcess(
        hub_python=settings.hub_python,
        library=settings.library,
        course=course,
        log=settings.state_home / "logs" / "grader.log",
        owner=Owner(owner.st_uid, owner.st_gid),
        environment={
            "WORKSHOP_EXCHANGE_URL": exchange_url(settings),
            "JUPYTERHUB_API_TOKEN": secrets.formgrader,
            MARK: str(settings.state_home),
        },
    )
    told = grader_settings(settings.state_home)
    return process.run("queue", told, progress=lambda *_: None)
