"""Messages to all seats: written on the wall, shown in everybody's JupyterLab for a while."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter

from hub_config.wall.errors import NotNow
from hub_config.wall.kept_file import KeptFile
from hub_config.wall.plain import plain_line

MOST_CHARACTERS = 280
#: How long a message may stand, in minutes; the first is what the form offers.
MINUTES = (10, 30, 120)
#: A seat that shows more than this shows no lab.
MOST_AT_ONCE = 3


@dataclass(frozen=True)
class Message:
    id: str
    text: str
    since: datetime
    until: datetime
    by: str


_MESSAGES = TypeAdapter(tuple[Message, ...])


class Messages:
    """Messages that stand, oldest first. Kept on disk."""

    def __init__(self, path: Path) -> None:
        self._kept = KeptFile(path, _MESSAGES, ())

    @property
    def version(self) -> int:
        return self._kept.version

    def standing(self, now: datetime) -> tuple[Message, ...]:
        return tuple(each for each in self._kept.value if each.until > now)

    def say(self, text: str, minutes: int, by: str, now: datetime) -> None:
        """Say it to all seats. Raises NotNow for an empty text or one too many."""
        line = plain_line(text, MOST_CHARACTERS)
        standing = self.standing(now)
        if not line:
            raise NotNow("The message is empty: nothing was sent.", next_step="Write something.")
        if len(standing) >= MOST_AT_ONCE:
            raise NotNow(
                f"{MOST_AT_ONCE} messages stand already: this one was not sent.",
                next_step="Take one of them back first.",
            )
        until = now + timedelta(minutes=minutes if minutes in MINUTES else MINUTES[0])
        self._kept.change((*standing, Message(secrets.token_hex(6), line, now, until, by)))

    def take_back(self, message: str, now: datetime) -> None:
        """Nothing happens when it is gone already."""
        self._kept.change(tuple(each for each in self.standing(now) if each.id != message))
