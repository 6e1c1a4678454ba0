"""What the worker hosts are at, asked of the dispatcher in its own words (the channel of
grader.scheduling, which this room does not import)."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass

from hub_config.grading_hosts.places import socket_of, worker_hosts
from hub_config.settings import HubSettings

_SECONDS = 5.0


@dataclass(frozen=True)
class GradingHost:
    """`judged`: submissions that it has run since the dispatcher began."""

    name: str
    connected: bool
    judged: int


def grading_hosts(settings: HubSettings) -> tuple[GradingHost, ...]:
    """Every host that should grade; none of them is connected while the dispatcher is silent."""
    hosts = worker_hosts(settings)
    if not hosts:
        return ()
    said = _ask(settings)
    connected, judged = dict(said.get("hosts") or {}), dict(said.get("judged") or {})
    return tuple(
        GradingHost(each.name, each.name in connected, int(judged.get(each.name, 0)))
        for each in hosts
    )


def _ask(settings: HubSettings) -> dict[str, dict[str, int]]:
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_SECONDS)
            line.connect(str(socket_of(settings.state_home)))
            line.sendall(b'{"do": "state"}\n')
            with line.makefile("rb") as said:
                found = json.loads(said.readline())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
