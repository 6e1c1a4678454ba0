"""Asking the hub for many servers, and waiting until they are ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from hub_config.grading_process import Progress
from hub_config.hub_api import HubApi

#: Questions to the hub that wait for an answer at the same time.
_ASKED_AT_ONCE = 8


def start_servers(
    hub: HubApi, names: Sequence[str], progress: Progress, sleep: Callable[[float], None]
) -> int:
    """Ask for these servers; returns how many are ready. The hub's queue sets the pace."""

    def ask(name: str) -> None:
        hub.ensure_user(name)
        hub.start_server(name)

    # The hub answers a question when the server runs, or after a second.
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        list(pool.map(ask, names))
    total, ready = len(names), 0
    deadline = time.monotonic() + 60 + 15 * total
    while time.monotonic() < deadline:
        servers = {server.username: server for server in hub.servers()}
        ready = sum(servers[name].running for name in names if name in servers)
        progress("seats", ready, total, "")
        waiting = [name for name in names if name in servers and servers[name].pending]
        if ready == total or not waiting:
            break
        sleep(0.5)
    return ready
