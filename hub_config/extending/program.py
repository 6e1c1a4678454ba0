"""Thirty minutes more, as staff wish it on the wall: this host's timer first, then the others'.

    python -m hub_config.extending.program <hub folder>/settings.json

Runs as root and listens nowhere: a wish is a file. It keeps nothing to itself; killed at any
moment, the next one goes on from the files and the timers.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from hub_config.extending.limits import refusal, times_left
from hub_config.extending.records import (
    NOT_YET,
    STEP,
    Extension,
    Extensions,
    Wish,
    read_extensions,
    read_wish,
    wish_file,
    write_extensions,
)
from hub_config.extending.timers import Timers
from hub_config.settings import HubSettings
from hub_config.wall.config import desk_folder
from provisioning.errors import WorkshopError

_TURN_SECONDS = 0.5
#: Hosts that kept their old time are tried again this often.
AGAIN = timedelta(seconds=30)
_LOG = logging.getLogger(__name__)


class Moves(Protocol):
    """What `Timers` does."""

    @property
    def others(self) -> tuple[str, ...]: ...
    def own(self) -> datetime | None: ...
    def move_own(self, deadline: datetime) -> None: ...
    def move_others(self, hosts: Iterable[str], deadline: datetime) -> dict[str, str]: ...


class Extender:
    """One turn after the other; what moves timers, and the clock, are passed in."""

    def __init__(
        self,
        settings_file: Path,
        moves: Callable[[HubSettings], Moves] = Timers,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings_file = settings_file
        self._moves = moves
        self._clock = clock
        self._tried = clock()

    def turn(self) -> None:
        """Do what is wished, once; and try hosts again that could not be told."""
        # Its place says whose it is: <state>/hub/settings.json.
        hub_folder = self._settings_file.parent
        wish = read_wish(wish_file(desk_folder(hub_folder.parent)))
        known = read_extensions(hub_folder)
        granted = known.granted
        if wish is not None and known.answer_to(wish) is None:
            self._grant(wish, known)
        elif granted and granted.behind and self._clock() - self._tried > AGAIN:
            self._tell_those_behind(known, granted)

    def _grant(self, wish: Wish, known: Extensions) -> None:
        settings, now = self._settings(), self._clock()
        moves = self._moves(settings)
        left = times_left(timedelta(minutes=settings.extend_minutes), known)
        problem = refusal(wish, moves.own(), left, now)
        deadline = wish.deadline + STEP
        if not problem:
            try:
                moves.move_own(deadline)
            except WorkshopError as error:
                problem = f"nothing was moved: {error.message}"
        if problem:
            self._keep(known, Extension(wish, now, problem=problem))
            return
        # Killed from here on, the others are told at the next turn.
        done = Extension(wish, now, deadline, dict.fromkeys(moves.others, NOT_YET))
        self._tell_those_behind(self._keep(known, done), done)

    def _tell_those_behind(self, known: Extensions, extension: Extension) -> None:
        assert extension.deadline is not None  # noqa: S101 - only what was moved is behind
        moves = self._moves(self._settings())
        there = [name for name in extension.behind if name in moves.others]
        behind = moves.move_others(there, extension.deadline)
        self._tried = self._clock()
        if behind != extension.behind:
            self._keep(known, replace(extension, behind=behind))

    def _keep(self, known: Extensions, extension: Extension) -> Extensions:
        known = known.with_one(extension)
        write_extensions(self._settings_file.parent, known)
        return known

    def _settings(self) -> HubSettings:
        return HubSettings.model_validate_json(self._settings_file.read_text())


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    extender = Extender(Path(sys.argv[1]))
    while True:
        try:
            extender.turn()
        except Exception:
            # The wall says that nobody answered; the next wish may find it well again.
            _LOG.exception("This turn failed")
        time.sleep(_TURN_SECONDS)


if __name__ == "__main__":
    main()
