"""A hub's host and hosts for seats, each with its own network and a real SSH server.

What runs on the hub's host runs in its network, on this machine's files.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub_config.fleet.link_keys import ensure_link_key, seat_host_script
from hub_config.fleet.links import LinkFiles, link_command, link_files
from hub_config.settings import HubSettings, Ports, SeatHostSettings, SeatSettings
from tests.cloud.machines.yard import PlainHost, namespace_hosts

HUB_PORT, EXCHANGE_PORT = 8081, 8082


@dataclass
class LinkedHosts:
    """`hub` lends its network; `seats` are whole hosts. All programs end with the block."""

    hub: PlainHost
    seats: tuple[PlainHost, ...]
    settings: HubSettings
    programs: list[subprocess.Popen[Any]] = field(default_factory=list)

    @property
    def files(self) -> LinkFiles:
        return link_files(self.settings)

    def host(self, name: str) -> PlainHost:
        return next(each for each in self.seats if each.machine.name == name)

    def on_hub(self, *command: str, **rest: Any) -> subprocess.Popen[Any]:
        """A program in the network of the hub's host, in a process group of its own."""
        program: subprocess.Popen[Any] = subprocess.Popen(
            [*in_network(self.hub), *command], start_new_session=True, **rest
        )
        self.programs.append(program)
        return program

    def start_link(self, host: str) -> subprocess.Popen[Any]:
        """The client, and in place of the supervisor a loop that starts it again."""
        again = ("sh", "-c", 'while :; do "$@"; done', "again")
        return self.on_hub(*again, *link_command(host, self.files))

    def end(self, program: subprocess.Popen[Any]) -> None:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()

    def said_at_hub(self, command: str) -> str:
        """What a shell in the network of the hub's host prints; "" when it fails."""
        whole = [*in_network(self.hub), "sh", "-c", command]
        return subprocess.run(whole, capture_output=True, text=True, timeout=30).stdout.strip()


def in_network(host: PlainHost) -> list[str]:
    """Before a command: enter the host's network, nothing else of it."""
    return ["nsenter", f"--net=/proc/{host.machine.process_id}/ns/net"]


@contextmanager
def linked_hosts(folder: Path, count: int, **changes: Any) -> Iterator[LinkedHosts]:
    """Hosts seat-02, seat-03, ... that let the link key in; no link is open yet."""
    with namespace_hosts(count + 1, prefix="seat") as (hub, *seats):
        settings = hub_settings(folder, seats, **changes)
        public = ensure_link_key(link_files(settings).folder)
        for seat in seats:
            seat.machine.inside(seat_host_script(public))
        hosts = LinkedHosts(hub, tuple(seats), settings)
        try:
            yield hosts
        finally:
            for program in hosts.programs:
                hosts.end(program)


def hub_settings(folder: Path, seats: list[PlainHost], **changes: Any) -> HubSettings:
    state = folder / "demo"
    for each in (state / "run", state / "hub"):
        each.mkdir(parents=True)
    hosts = tuple(
        SeatHostSettings(
            name=seat.machine.name, address=seat.addresses.private, host_key=seat.host_key
        )
        for seat in seats
    )
    facts: dict[str, Any] = {
        "workshop": "demo",
        "course": "nlp",
        "bind": "0.0.0.0",
        "address": "http://127.0.0.1:8000",
        "ports": Ports(
            public=8000,
            hub=HUB_PORT,
            proxy_api=8083,
            exchange=EXCHANGE_PORT,
            formgrader=8084,
            wall=8085,
        ),
        "state_home": state,
        "hub_folder": state / "hub",
        "homes": state / "homes",
        "library": Path(__file__).parents[3],
        "seats_file": state / "seats.json",
        "secrets_file": state / "hub" / "secrets.json",
        "hub_python": Path(sys.executable),
        "certificate": None,
        "certificate_key": None,
        "seat": SeatSettings(
            isolation="accounts",
            memory_bytes=2**30,
            cpus=1.0,
            processes=512,
            environments=(Path(sys.prefix),),
            kernels=("python3",),
            jupyter_path=(Path(sys.prefix, "share", "jupyter"),),
            config=state / "seat-config",
        ),
        "starts_at_once": 4,
        "idle_minutes": 60,
        "seat_hosts": hosts,
        "seat_map": state / "hub" / "seat-map.json",
        "links": state / "hub" / "links",
        "login": None,
        "instructors": (),
        "assistants": (),
        "attendees": ("ann", "bob"),
    }
    return HubSettings(**{**facts, **changes})


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
