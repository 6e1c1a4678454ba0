"""The product's own hub, proxy, exchange and wall, with stand-ins for the hosts that run seats.

Everything lies in one scratch folder and ends with the context. What is rendered, supervised
and served is what `workshop up` renders, supervises and serves on a hub host with seat hosts;
only the links are left out, because the stand-ins are on this machine.
"""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import shuffle

import httpx
import psutil

from hub_config.exchange.client import Address, ExchangeClient
from hub_config.fleet.placement import agent_socket, ensure_seat_map, write_seat_map
from hub_config.fleet.seat_map import Numbers, SeatMap
from hub_config.hub_api import HubApi, is_open
from hub_config.install import (
    ensure_files,
    ensure_folders,
    ensure_ports,
    ensure_secrets,
    free_ports,
)
from hub_config.people import walk_ins
from hub_config.program import Accounts, Program
from hub_config.programs import exchange_url, programs
from hub_config.rehearsal.rehearse import processes_of
from hub_config.rehearsal.visits import Guest, Visit, manner_of
from hub_config.render import exchange_configuration, render
from hub_config.seats import IssuedCode, ensure_seats
from hub_config.settings import HubSettings, SeatHostSettings, SeatSettings, Secrets
from hub_config.spec import SubmissionsSpec
from hub_config.supervisor import Supervisor
from hub_config.up import front_door
from provisioning.errors import StepFailed
from provisioning.paths import StatePaths

LIBRARY = Path(__file__).parents[2]
LAB, COURSE, WORKSHOP = "sums", "hall", "hall"
#: What an attendee's way goes through, and what watches it.
PROGRAMS = frozenset({"proxy", "exchange", "hub", "wall", "wall-facts", "watch"})
SEATS_PER_HOST = 8
FOLDERS = ("routes", "exchange", "course", "reports", "run/links", "wall", "wall-facts")
READY_SECONDS = 60.0
STAND_IN = "seats"
_STAND_IN = (sys.executable, "-m", "benchmarks.seats.stand_in")


@dataclass(frozen=True)
class Hall:
    """A hub that answers, its attendees' codes, and its processes by name."""

    settings: HubSettings
    secrets: Secrets
    codes: tuple[IssuedCode, ...]
    instructor_code: str
    processes: Mapping[str, psutil.Process]

    @property
    def visit(self) -> Visit:
        source = json.loads(_notebook("solved"))
        return Visit(self.settings.address, COURSE, "python3", lab=LAB, source=source)

    @property
    def guests(self) -> tuple[Guest, ...]:
        """All attendees at once."""
        return tuple(
            Guest(each.seat.username, str(each.code), manner_of(number))
            for number, each in enumerate(self.codes)
        )

    @property
    def hub(self) -> HubApi:
        return HubApi(f"http://127.0.0.1:{self.settings.ports.hub}", self.secrets.workshop)

    def submissions(self) -> int:
        """How many attendees' work the exchange has filed."""
        folder = self.settings.state_home / "exchange" / "submissions" / LAB
        return len(list(folder.glob("*/*.json")))


@contextmanager
def hall(root: Path, seats: int, wanted: frozenset[str] = PROGRAMS) -> Iterator[Hall]:
    """A hub with that many attendees, some hosts for them, and a released lab."""
    paths = StatePaths(root, WORKSHOP)
    ensure_folders(paths)
    issued = ensure_seats(paths.seats, walk_ins(seats))
    attendees = tuple(each.username for each in issued.register.seats if each.role == "attendee")
    settings = _settings(paths, attendees)
    assert settings.seat_map is not None
    write_seat_map(settings.seat_map, SeatMap(numbers=Numbers(first_port=_free_range(seats + 1))))
    ensure_seat_map(settings)
    secrets = ensure_secrets(settings.secrets_file)
    chosen = tuple(each for each in programs(settings, secrets, Accounts()) if each.name in wanted)
    _write(settings, secrets, chosen)
    supervisor = Supervisor(
        settings.hub_python, settings.hub_folder / "supervisord.conf", settings.state_home
    )
    hosts = _stand_ins(settings)
    try:
        supervisor.ensure_running()
        _wait_until_it_answers(settings)
        _release(settings, secrets)
        codes = tuple(each for each in issued.new_codes if each.seat.role == "attendee")
        staff = next(each for each in issued.new_codes if each.seat.role == "instructor")
        found = {**processes_of(supervisor), STAND_IN: psutil.Process(hosts.pid)}
        yield Hall(settings, secrets, codes, str(staff.code), found)
    finally:
        supervisor.shut_down()
        hosts.kill()
        hosts.wait()


def _settings(paths: StatePaths, attendees: tuple[str, ...]) -> HubSettings:
    ports = ensure_ports(paths.hub / "ports.json", free_ports(1)[0])
    return HubSettings(
        workshop=WORKSHOP,
        course=COURSE,
        bind="127.0.0.1",
        address=f"http://127.0.0.1:{ports.public}",
        ports=ports,
        state_home=paths.home,
        hub_folder=paths.hub,
        homes=paths.homes,
        library=LIBRARY,
        seats_file=paths.seats,
        secrets_file=paths.hub / "secrets.json",
        hub_python=Path(sys.executable),
        certificate=None,
        certificate_key=None,
        seat=_seats(paths),
        starts_at_once=8,
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        idle_minutes=60,
        seat_hosts=_hosts(len(attendees)),
        seat_map=paths.hub / "seat-map.json",
        links=paths.hub / "links",
        login=None,
        instructors=("instructor",),
        assistants=(),
        attendees=attendees,
    )


def _seats(paths: StatePaths) -> SeatSettings:
    return SeatSettings(
        isolation="accounts",
        memory_bytes=2**31,
        cpus=1,
        processes=512,
        environments=(),
        kernels=("python3",),
        jupyter_path=(),
        config=paths.home / "seat-config",
    )


def _hosts(seats: int) -> tuple[SeatHostSettings, ...]:
    """As many as it takes, each with a GPU for every seat."""
    numbers = range(1, -(-seats // SEATS_PER_HOST) + 1)
    return tuple(
        SeatHostSettings(name=f"gpu-{each}", address="127.0.0.1", host_key="", gpus=SEATS_PER_HOST)
        for each in numbers
    )


def _write(settings: HubSettings, secrets: Secrets, chosen: tuple[Program, ...]) -> None:
    ensure_files(render(settings, secrets, chosen))
    ensure_files(exchange_configuration(settings, SubmissionsSpec()))
    for folder in FOLDERS:
        (settings.state_home / folder).mkdir(parents=True, exist_ok=True)
    (settings.state_home / "routes" / "routes.toml").touch(0o640)
    for each in chosen:
        each.folder.mkdir(parents=True, exist_ok=True)


def _free_range(count: int) -> int:
    """The first of that many ports in a row that nobody listens on now."""
    begins = list(range(22_000, 32_000 - count, count))
    shuffle(begins)
    taken = {each.laddr.port for each in psutil.net_connections("tcp") if each.laddr}
    return next(each for each in begins if taken.isdisjoint(range(each, each + count)))


def _stand_ins(settings: HubSettings) -> subprocess.Popen[str]:
    """One process for all hosts."""
    names = [host.name for host in settings.seat_hosts]
    folder = agent_socket(settings, names[0]).parent
    process = subprocess.Popen(
        # The hub opens when all its services answer; the formgrader is not what is measured.
        [*_STAND_IN, str(settings.ports.formgrader), str(folder), *names],
        cwd=LIBRARY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise StepFailed("the stand-ins for the hosts did not start")
    return process


def _wait_until_it_answers(settings: HubSettings) -> None:
    exchange = f"{exchange_url(settings)}health"
    deadline = time.monotonic() + READY_SECONDS
    while not (is_open(front_door(settings)) and _answers(exchange)):
        if time.monotonic() > deadline:
            log = settings.state_home / "logs" / "hub.log"
            raise StepFailed("the hub did not answer", next_step=f"read {log}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _release(settings: HubSettings, secrets: Secrets) -> None:
    """A lab of one exercise, as the grader would hand it out."""
    client = ExchangeClient(Address(exchange_url(settings).rstrip("/"), secrets.formgrader))
    archive = settings.state_home / "lab.zip"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        target.writestr(f"{LAB}.ipynb", _notebook("# your turn"))
    archive.write_bytes(packed.getvalue())
    client.put_release(LAB, archive)


def _notebook(answer: str) -> str:
    marked = {"nbgrader": {"grade_id": "gap", "solution": True, "grade": False}}
    cell = {"cell_type": "code", "source": answer, "metadata": marked, "outputs": []}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
