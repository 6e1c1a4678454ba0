"""Help wanted: who asked, since when, about what. The attendee or staff takes it off again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter

from hub_config.wall.errors import NotNow
from hub_config.wall.kept_file import KeptFile
from hub_config.wall.plain import plain_line

MOST_CHARACTERS = 140
#: Between two changes by the same person: nobody clicks faster, a program could.
_PAUSE = timedelta(seconds=1)


@dataclass(frozen=True)
class Call:
    """One person's call for help. `about` is what she typed, perhaps nothing."""

    username: str
    since: datetime
    about: str = ""


_CALLS = TypeAdapter(tuple[Call, ...])


class HelpDesk:
    """Open calls, oldest first. Kept on disk: a restart forgets nobody."""

    def __init__(self, path: Path) -> None:
        self._kept = KeptFile(path, _CALLS, ())
        self._changed: dict[str, datetime] = {}

    @property
    def version(self) -> int:
        return self._kept.version

    @property
    def calls(self) -> tuple[Call, ...]:
        return self._kept.value

    def of(self, username: str) -> Call | None:
        return next((call for call in self.calls if call.username == username), None)

    def ask(self, username: str, about: str, now: datetime) -> None:
        """Ask, or say it in other words: the place in the line stays. Raises NotNow."""
        self._pause(username, now)
        earlier = self.of(username)
        since = earlier.since if earlier else now
        call = Call(username, since, plain_line(about, MOST_CHARACTERS))
        others = [each for each in self.calls if each.username != username]
        self._kept.change(tuple(sorted([*others, call], key=lambda each: each.since)))

    def take_back(self, username: str, now: datetime) -> None:
        """By the attendee. Raises NotNow."""
        self._pause(username, now)
        self.done(username)

    def forget(self, before: datetime) -> None:
        """Calls of another day: the class went home."""
        self._kept.change(tuple(each for each in self.calls if each.since >= before))

    def done(self, username: str) -> None:
        """By staff. Nothing happens when it is done already."""
        self._kept.change(tuple(each for each in self.calls if each.username != username))

    def _pause(self, username: str, now: datetime) -> None:
        last = self._changed.get(username)
        if last is not None and timedelta() <= now - last < _PAUSE:
            raise NotNow("That was quick: nothing was changed.", next_step="Wait a second.")
        self._changed[username] = now
