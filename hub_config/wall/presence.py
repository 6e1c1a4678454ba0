"""When somebody last did something, as the browsers of the seats say while they ask for notices.

In memory only: after a restart every open browser says it again within seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

#: A browser may not claim to have seen its person earlier than this.
_LONGEST = timedelta(hours=12)


@dataclass
class Presence:
    _seen: dict[str, datetime] = field(default_factory=dict)

    def tell(self, username: str, idle_seconds: float, now: datetime) -> None:
        """Somebody was last seen `idle_seconds` before now."""
        idle = timedelta(seconds=min(max(idle_seconds, 0.0), _LONGEST.total_seconds()))
        at = now - idle
        self._seen[username] = max(at, self._seen.get(username, at))

    @property
    def seen(self) -> Mapping[str, datetime]:
        return self._seen
