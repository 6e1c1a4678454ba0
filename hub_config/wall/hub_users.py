"""What the hub says of everybody's server, asked over its API with the wall's own token."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.error import URLError

from hub_config.wall.facts import Server

_SECONDS = 10


@dataclass(frozen=True)
class HubUsers:
    """`api` is the address of the hub's API on this machine."""

    api: str
    token: str = field(repr=False)

    def read(self) -> tuple[Server, ...] | None:
        """Everybody's server; None when the hub does not answer."""
        request = urllib.request.Request(  # noqa: S310 - an address of ours
            f"{self.api}/users?limit=2000", headers={"Authorization": f"token {self.token}"}
        )
        # A proxy of the surroundings must not see traffic to loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_SECONDS) as answer:
                return tuple(server_of(row) for row in json.load(answer))
        except (URLError, OSError, ValueError, KeyError):
            return None


def with_memory(
    now: datetime, servers: Iterable[Server], before: Iterable[Server]
) -> tuple[Server, ...]:
    """Servers with the moment at which each was last found running, by this look or an earlier."""
    known = {each.username: each.ran_at for each in before}
    return tuple(
        replace(each, ran_at=now if each.running else known.get(each.username)) for each in servers
    )


def server_of(row: dict[str, Any]) -> Server:
    """One user of the hub's list."""
    server = row.get("servers", {}).get("") or {}
    return Server(
        username=str(row["name"]),
        running=bool(server.get("ready")),
        pending=bool(server.get("pending") or row.get("pending")),
        started=_moment(server.get("started")),
        last_activity=_moment(server.get("last_activity") or row.get("last_activity")),
    )


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
