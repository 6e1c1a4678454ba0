"""Ports, folders and files of grading on hosts. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hub_config.settings import HubSettings, SeatHostSettings

#: On the hub's loopback and, through the links, on each host's: where workers report.
DISPATCHER_PORT = 29200
#: The first worker listens here on its host's loopback, and is found there from the hub's.
FIRST_WORKER_PORT = 29201
#: On a host with seats: the worker's settings, and what is its own.
WORKER_SETTINGS = Path("/etc/workshop/grading.json")
WORKER_FOLDER = Path("/var/lib/workshop-grading")


def worker_hosts(settings: HubSettings) -> tuple[SeatHostSettings, ...]:
    """Hosts that grade: all with seats, spares too."""
    if not settings.grade_on_hosts or settings.links is None:
        return ()
    return tuple(each for each in settings.seat_hosts if each.role == "gpu")


def worker_port_of(settings: HubSettings, host: SeatHostSettings) -> int:
    """Numbers go by place, so that a host that was replaced has the one of its predecessor."""
    names = [each.name for each in worker_hosts(settings)]
    return FIRST_WORKER_PORT + names.index(host.name)


def dispatcher_folder(state_home: Path) -> Path:
    """The dispatcher's own: settings, key, certificates of those it believes."""
    return state_home / "dispatcher"


def socket_of(state_home: Path) -> Path:
    """Where graders ask. One letter: paths of sockets may have 107 characters."""
    return state_home / "w" / "ask"


def known_workers(state_home: Path) -> dict[str, Any]:
    """What the hosts said when they were set up: name to `slots` and `certificate`."""
    try:
        found = json.loads((dispatcher_folder(state_home) / "workers.json").read_text())
    except (OSError, ValueError):
        return {}
    return dict(found)


def told_to_grader(settings: HubSettings) -> dict[str, Any] | None:
    """The grader's `worker_hosts`; None: it grades on the hub's host."""
    if not worker_hosts(settings):
        return None
    slots = sum(int(each["slots"]) for each in known_workers(settings.state_home).values())
    return {"socket": str(socket_of(settings.state_home)), "slots": max(1, slots)}


def tls_told(folder: Path) -> dict[str, str]:
    """As grader.scheduling.keys names them."""
    names = {"authority": "believed.pem", "certificate": "certificate.pem", "key": "key.pem"}
    return {what: str(folder / name) for what, name in names.items()}


def dispatcher_settings(settings: HubSettings) -> str:
    """The JSON of grader.scheduling.settings.DispatcherSettings."""
    told = {
        "port": DISPATCHER_PORT,
        "socket": str(socket_of(settings.state_home)),
        "tls": tls_told(dispatcher_folder(settings.state_home) / "keys"),
    }
    return json.dumps(told, indent=2) + "\n"


def worker_settings(
    settings: HubSettings, host: SeatHostSettings, environments: Mapping[str, str]
) -> str:
    """The JSON of grader.scheduling.settings.WorkerSettings, `slots` left to the host.

    `environments` is kernel name to identity, as the grader knows it.
    """
    told = {
        "name": host.name,
        "scheduler": DISPATCHER_PORT,
        "port": worker_port_of(settings, host),
        "slots": 1,
        "folder": str(WORKER_FOLDER / "work"),
        "tls": tls_told(WORKER_FOLDER / "keys"),
        "environments": {
            name: {"python": f"/opt/workshop/environments/{name}/bin/python", "identity": identity}
            for name, identity in sorted(environments.items())
        },
    }
    return json.dumps(told, indent=2) + "\n"
