"""What the wall shows now. Ten staff who look at it cost as much as one.

Facts are read again when their file changed; the view is made at most once a second.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from hub_config.wall.config import watched_file
from hub_config.wall.facts import Facts, read_facts
from hub_config.wall.help_desk import HelpDesk
from hub_config.wall.messages import Messages
from hub_config.wall.presence import Presence
from hub_config.wall.render import sections
from hub_config.wall.view import Told, Wall, wall_view
from hub_config.wall.wishes import Wishes

_SECONDS = 1.0
#: The gatherer is told that somebody looks no more often than this.
_TOUCH_SECONDS = 5.0


@dataclass
class Showing:
    """The one place where facts, calls, messages and presence meet."""

    facts: Path
    desk: Path
    calls: HelpDesk
    messages: Messages
    presence: Presence
    wishes: Wishes
    clock: Callable[[], datetime]
    _read: Facts | None = None
    _mark: tuple[int, int] | None = None
    _state: str = ""
    _made: tuple[float, ...] = (0.0,)
    _touched: float = field(default=0.0)

    def wall(self) -> Wall:
        now = self.clock()
        told = Told(
            self.calls.calls, self.messages.standing(now), self.presence.seen, self.wishes.newest
        )
        return wall_view(self.newest_facts(), told, now)

    def state(self) -> str:
        """The sections as JSON. The same text, and so the same ETag, while nothing changes."""
        self.somebody_looks()
        changes = (self.calls.version, self.messages.version, self.wishes.version)
        if self._made[1:] != changes or time.monotonic() - self._made[0] > _SECONDS:
            self._state = json.dumps(sections(self.wall()))
            self._made = (time.monotonic(), *changes)
        return self._state

    def newest_facts(self) -> Facts | None:
        """Read again when the file was replaced; the last good ones while it can't be read."""
        try:
            status = self.facts.stat()
        except OSError:
            return self._read
        mark = (status.st_ino, status.st_mtime_ns)
        if mark != self._mark:
            self._mark = mark
            self._read = read_facts(self.facts) or self._read
        return self._read

    def somebody_looks(self) -> None:
        """Tell the gatherer, by the time of a file, that fresh facts are wanted."""
        if time.monotonic() - self._touched > _TOUCH_SECONDS:
            self._touched = time.monotonic()
            watched_file(self.desk).touch()
