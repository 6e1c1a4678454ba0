"""What is wanted, and the settings of the hub made of it: the spec, and facts of this machine."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub_config.hub_host.facts import HubHostFacts
from hub_config.hub_host.hub_unit import BOOTED
from hub_config.people import Person
from hub_config.seats import Seat
from hub_config.settings import BackupSettings, HubSettings, Login, Ports, SeatSettings
from hub_config.spec import WorkshopSpec
from provisioning.paths import StatePaths

#: Threads count as processes: a server and a few kernels with numeric libraries.
PROCESSES_PER_SEAT = 512
OPEN_FILES = 65536


@dataclass(frozen=True)
class BuiltEnvironment:
    """An environment on this machine, as the hub needs to know it."""

    name: str
    prefix: Path
    python: Path
    identity: str


@dataclass(frozen=True)
class UpOrder:
    """What is wanted, with everything that was found out about it."""

    spec: WorkshopSpec
    spec_file: Path
    paths: StatePaths
    people: tuple[Person, ...]
    course: str
    source: Path
    as_root: bool
    cores: int
    hub: BuiltEnvironment
    kernels: tuple[BuiltEnvironment, ...]
    arm_root: Path | None = None
    #: On a hub host: what it was told of itself and the other hosts.
    facts: HubHostFacts | None = None


def hub_settings(
    order: UpOrder, seats: tuple[Seat, ...], ports: Ports, library: Path
) -> HubSettings:
    """The spec and the facts of this machine as the hub's processes read them."""
    spec, paths = order.spec, order.paths
    by_role = {
        role: tuple(seat.username for seat in seats if seat.role == role)
        for role in ("instructor", "assistant", "attendee")
    }
    login = spec.hub.login
    return HubSettings(
        workshop=spec.name,
        course=order.course,
        bind=spec.hub.bind,
        address=spec.hub.public_address,
        proxy=spec.hub.proxy,
        ports=ports,
        state_home=paths.home,
        hub_folder=paths.hub,
        homes=paths.homes,
        library=library,
        seats_file=paths.seats,
        secrets_file=paths.hub / "secrets.json",
        hub_python=order.hub.python,
        certificate=paths.home / "tls" / "certificate.pem" if spec.hub.tls else None,
        certificate_key=paths.home / "tls" / "key.pem" if spec.hub.tls else None,
        seat=_seat_settings(order),
        # Starting a server is one core's work; twice the cores keeps them busy.
        starts_at_once=max(2, 2 * order.cores),
        open_files=_open_files(),
        idle_minutes=spec.hub.idle_minutes,
        grade_on_submit=spec.grading.on_submit,
        grade_on_hosts=spec.grading.workers == "hosts",
        backup=BackupSettings(minutes=spec.backup.minutes, home_bytes=spec.backup.home),
        arm_root=order.arm_root,
        **_fleet_settings(order),
        login=Login(class_name=login.class_name, config=login.config) if login.class_name else None,
        instructors=by_role["instructor"],
        assistants=by_role["assistant"],
        attendees=by_role["attendee"],
    )


def _fleet_settings(order: UpOrder) -> dict[str, Any]:
    """Who runs seats. As root a service of this machine does, as on every host of a fleet."""
    own = order.paths.run / "seats.sock"
    if order.facts is None:
        return {"seats_socket": own} if order.as_root else {}
    elsewhere = order.facts.runs_seats_elsewhere
    return {
        "seat_hosts": order.facts.seat_hosts,
        "seat_map": order.paths.hub / "seat-map.json" if elsewhere else None,
        "links": order.paths.hub / "links" if elsewhere else None,
        "seats_socket": own,
        "as_unit": BOOTED.is_dir(),
        "extend_minutes": order.facts.extend_minutes,
    }


def _seat_settings(order: UpOrder) -> SeatSettings:
    return SeatSettings(
        isolation="accounts" if order.as_root else "jail",
        memory_bytes=order.spec.seat.memory,
        cpus=order.spec.seat.cpus,
        processes=PROCESSES_PER_SEAT,
        environments=(order.hub.prefix, *(kernel.prefix for kernel in order.kernels)),
        kernels=tuple(kernel.name for kernel in order.kernels),
        jupyter_path=tuple(kernel.prefix / "share" / "jupyter" for kernel in order.kernels),
        config=order.paths.home / "seat-config",
        gpu=order.spec.seat.gpu,
    )


def _open_files() -> int:
    """300 seats with three websockets each, both ends, and room: if the machine allows it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
