"""A real hub on one host and real seats on others: proxy, links, watch and service as they are.

What `up` would lay out is laid out here; each host has homes and processes of its own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from hub_config.fleet.host_facts import FleetFacts, read_facts
from hub_config.fleet.linking import ensure_links
from hub_config.fleet.links import seat_reach
from hub_config.fleet.placement import agent_socket, ensure_seat_map, hosts_file
from hub_config.install import ensure_files, ensure_routes, ensure_secrets
from hub_config.people import Person
from hub_config.program import Accounts
from hub_config.programs import programs
from hub_config.rehearsal.robot import Robot
from hub_config.render import render
from hub_config.seat_host.client import SeatHost
from hub_config.seat_host.protocol import SeatHostError, SeatState
from hub_config.seat_host.settings import host_settings
from hub_config.seats import ensure_seats
from hub_config.settings import HubSettings
from hub_config.supervisor import Supervisor
from provisioning.limits import remove_all
from tests.hub_config.fleet.linked_hosts import LinkedHosts, linked_hosts, until

#: What this test is about; exchange, grading and the wall have tests of their own.
PROGRAMS = ("proxy", "hub", "watch")
#: Listens in their place: the hub waits half a minute for each service that does not.
NEIGHBOURS = """
import sys, threading
from http.server import HTTPServer, SimpleHTTPRequestHandler
SimpleHTTPRequestHandler.log_message = lambda *_: None
for port in sys.argv[1:]:
    server = HTTPServer(("127.0.0.1", int(port)), SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever).start()
"""


@dataclass(frozen=True)
class HubOnHosts:
    hosts: LinkedHosts
    codes: dict[str, str]

    @property
    def settings(self) -> HubSettings:
        return self.hosts.settings

    @property
    def supervisor(self) -> Supervisor:
        configuration = self.settings.hub_folder / "supervisord.conf"
        return Supervisor(self.settings.hub_python, configuration, self.settings.state_home)

    def robot(self, username: str) -> Robot:
        return Robot(self.settings.address, self.codes[username])

    def service(self, host: str) -> SeatHost:
        return SeatHost(agent_socket(self.settings, host), 5)

    def seat(self, username: str) -> SeatState | None:
        """As its host says, over the link; None while that does not answer."""
        host = ensure_seat_map(self.settings).of(username).host
        try:
            return self.service(host).state(username)
        except SeatHostError:
            return None

    def home(self, username: str) -> Path:
        """A home as it is on the disk of its host, and on no other's."""
        host = ensure_seat_map(self.settings).of(username).host
        return self.disk(host) / "homes" / username

    def disk(self, host: str) -> Path:
        return self.settings.state_home.parent / host

    def facts(self) -> FleetFacts | None:
        return read_facts(hosts_file(self.settings))

    def hub_pid(self) -> int | None:
        """None while the hub's program is not there, or has only just begun."""
        return next((each.pid for each in self.supervisor.states() if each.name == "hub"), None)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.settings.address}/hub/login", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def start_programs(self) -> None:
        """Everything that runs on the hub's host, as after its boot."""
        configuration = str(self.settings.hub_folder / "supervisord.conf")
        python = str(self.settings.hub_python)
        self.hosts.on_hub(python, "-m", "supervisor.supervisord", "-n", "-c", configuration)

    def start_service(self, name: str, *, warm: bool = True) -> None:
        """On the host's network and processes, with its own disk in place of ours."""
        disk, settings = self.disk(name), self.settings
        for folder in (disk / "homes", disk / "seats", settings.homes):
            folder.mkdir(parents=True, exist_ok=True)
        process = self.hosts.host(name).machine.process_id
        init = Path(f"/proc/{process}/task/{process}/children").read_text().strip()
        # Where the link ends: on the host's own /run. Its init is number 1 for the service.
        Path(f"/proc/{init}/root/run/workshop").mkdir(exist_ok=True)
        socket = Path("/proc/1/root/run/workshop/seats.sock")
        told = host_settings(settings, socket, seat_reach(settings))
        told = replace(told, workshop=f"stay-{name}", run=disk / "seats", warm=warm)
        (disk / "seats-service.json").write_text(told.text())
        inside = (
            f"mount -t proc proc /proc && mount --bind {disk}/homes {settings.homes} && "
            f"exec {settings.hub_python} -m hub_config.seat_host.service "
            f"--settings {disk}/seats-service.json"
        )
        enter = ("nsenter", f"--target={init}", "--net", "--pid", "unshare", "--mount")
        with (disk / "service.log").open("ab") as log:
            program = subprocess.Popen(
                [*enter, "sh", "-c", inside],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(settings.library)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.hosts.programs.append(program)


@contextmanager
def hub_on_hosts(folder: Path) -> Iterator[HubOnHosts]:
    """Ann sits on seat-02, bob on seat-03. The hub answers when the block begins."""
    folder.chmod(0o755)
    with linked_hosts(folder, 2) as hosts:
        hosts.settings = hosts.settings.model_copy(
            update={"address": f"http://{hosts.hub.addresses.public}:8000"}
        )
        hub = HubOnHosts(hosts, _lay_out(hosts.settings))
        hub.start_service("seat-02")
        hub.start_service("seat-03", warm=False)
        python = str(hosts.settings.hub_python)
        hosts.on_hub(python, "-c", NEIGHBOURS, *map(str, _neighbours(hosts.settings)))
        hub.start_programs()
        try:
            until(hub.answers, 60)
            yield hub
        finally:
            hub.supervisor.shut_down()
            for host in hosts.seats:
                host.machine.cut_power()
                remove_all(f"stay-{host.machine.name}")


def _neighbours(settings: HubSettings) -> tuple[int, ...]:
    ports = settings.ports
    return (ports.exchange, ports.formgrader, ports.wall)


def _lay_out(settings: HubSettings) -> dict[str, str]:
    """Every file of the hub; returns the seats' codes."""
    for each in ("logs", "run", "homes"):
        (settings.state_home / each).mkdir(exist_ok=True)
    people = [Person(name.title(), "", "attendee", name) for name in settings.attendees]
    issued = ensure_seats(settings.seats_file, people)
    secrets = ensure_secrets(settings.secrets_file)
    ensure_routes(settings.state_home / "routes", None)
    ensure_links(settings, ensure_seat_map(settings))
    wanted = tuple(
        each
        for each in programs(settings, secrets, Accounts())
        if each.name in PROGRAMS or each.name.startswith("link-")
    )
    ensure_files(render(settings, secrets, wanted))
    return {each.seat.username: str(each.code) for each in issued.new_codes}
