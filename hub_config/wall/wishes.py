"""Staff wish for thirty minutes more: written down here, granted by hub_config/extending."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter

from hub_config.extending.records import Wish, wish_file
from hub_config.wall.errors import NotNow
from hub_config.wall.facts import Fleet
from hub_config.wall.kept_file import KeptFile

#: A wish without an answer after this time is not waited for any more.
PATIENCE = timedelta(minutes=2)
_WISH: TypeAdapter[Wish | None] = TypeAdapter(Wish | None)


class Wishes:
    """The newest wish. Kept on disk, where the program finds it."""

    def __init__(self, desk: Path) -> None:
        self._kept = KeptFile(wish_file(desk), _WISH, None)

    @property
    def version(self) -> int:
        return self._kept.version

    @property
    def newest(self) -> Wish | None:
        return self._kept.value

    def wish(self, fleet: Fleet | None, shown: str, by: str, now: datetime) -> None:
        """`shown` is the deadline that the page showed. Raises NotNow: nothing was asked for."""
        if fleet is None or fleet.deadline is None:
            raise NotNow("No host here ends itself: nothing was changed.", next_step="")
        if fleet.times_left == 0:
            raise NotNow(
                "No more can be given from here: nothing was changed.",
                next_step="On the computer that brought the workshop up: workshop extend 30",
            )
        if is_open(self.newest, fleet, now):
            raise NotNow("That is being done already.", next_step="Wait for the new time.")
        if shown != fleet.deadline.isoformat():
            raise NotNow(
                "The time has changed meanwhile: nothing was asked for.", next_step="Look again."
            )
        self._kept.change(Wish(secrets.token_hex(8), by, now, fleet.deadline))


def is_open(wish: Wish | None, fleet: Fleet, now: datetime) -> bool:
    """Whether there is a wish that may still be granted."""
    if wish is None or now - wish.at > PATIENCE:
        return False
    return fleet.extensions.answer_to(wish) is None
