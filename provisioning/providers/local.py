"""This machine as the host of a workshop: is it able to hold one?"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from provisioning.errors import NotPossibleHere
from provisioning.findings import Finding
from provisioning.folders import closed_to_others
from provisioning.isolation import isolation
from provisioning.machine import Machine, free_disk, is_in_use, port_holder, why_port_is_closed

# Measured: one attendee's server and an idle kernel, and the hub with its services.
SEAT_BASELINE_BYTES = 172 * 10**6
HUB_BYTES = 500 * 10**6
SEAT_START_CORE_SECONDS = 4.1

# The two environments take 1.0 GB, and the packages they come from as much again while
# they are built; the rest is for attendees' work.
DISK_TO_BUILD = 3 * 2**30
DISK_TO_RUN = 2**30

# Longer than this to start all seats is too long for a class that is waiting.
_PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Needs:
    """What a workshop asks of this machine. `running`: its own hub holds the port."""

    seats: int
    seat_memory_bytes: int
    address: str
    port: int
    state: Path
    environments_built: bool
    running: bool
    limits: str
    limits_per_seat: bool
    day: date | None
    today: date
    #: Environments come from elsewhere: no interpreter of this machine is needed, nor a browser.
    furnished: bool = False


def check(needs: Needs, machine: Machine) -> tuple[Finding, ...]:
    """Everything that could keep the workshop from running here, and what is fine."""
    findings = [*_isolation(machine), *([] if needs.furnished else _python(machine))]
    findings += _state(needs, machine)
    findings += [_limits(needs), _memory(needs, machine), _cores(needs, machine), _disk(needs)]
    findings += [] if needs.running else [_port(needs)]
    return (*findings, *([] if needs.furnished else _chromium(machine)), *_day(needs))


def _isolation(machine: Machine) -> Iterator[Finding]:
    try:
        mode = isolation(machine)
    except NotPossibleHere as error:
        yield Finding("stop", error.message, error.next_step)
        return
    if mode == "accounts":
        yield Finding("ok", "each seat has a UNIX account of its own, and a jail")
    else:
        yield Finding("ok", "each seat has a jail of its own (as root: an account as well)")


def _python(machine: Machine) -> Iterator[Finding]:
    match machine.interpreter:
        case NotPossibleHere() as error:
            yield Finding("stop", error.message, error.next_step)
        case interpreter:
            yield Finding("ok", f"environments use {interpreter.path}, {interpreter.version}")


def _state(needs: Needs, machine: Machine) -> Iterator[Finding]:
    closed = closed_to_others(needs.state) if machine.is_root else None
    if closed:
        yield Finding(
            "stop",
            f"the seats' accounts can't enter {closed}, so they can't reach {needs.state}",
            f"leave WORKSHOP_STATE unset, or let others enter: chmod o+x {closed}",
        )


def _limits(needs: Needs) -> Finding:
    if needs.limits_per_seat:
        return Finding("ok", needs.limits)
    return Finding("warn", needs.limits, "run workshop as root to limit whole seats")


def _memory(needs: Needs, machine: Machine) -> Finding:
    least = HUB_BYTES + needs.seats * SEAT_BASELINE_BYTES
    most = HUB_BYTES + needs.seats * needs.seat_memory_bytes
    has = f"this machine has {_gigabytes(machine.memory_bytes)} of memory"
    if least > machine.memory_bytes:
        room = max(0, (machine.memory_bytes - HUB_BYTES) // SEAT_BASELINE_BYTES)
        return Finding(
            "stop",
            f"{needs.seats} seats need {_gigabytes(least)} before anyone computes, and {has}",
            f"use a larger machine, or at most {room} seats",
        )
    if most > machine.memory_bytes:
        each = (machine.memory_bytes - HUB_BYTES) // needs.seats
        return Finding(
            "warn",
            f"{needs.seats} seats that use all of their {_gigabytes(needs.seat_memory_bytes)} "
            f"need {_gigabytes(most)}, and {has}",
            f"set seat.memory to {each // 2**20}M to be sure, or go on if labs are small",
        )
    return Finding("ok", f"{has}, enough for {needs.seats} seats that use all of theirs")


def _cores(needs: Needs, machine: Machine) -> Finding:
    seconds = needs.seats * SEAT_START_CORE_SECONDS / machine.cores
    what = f"starting {needs.seats} seats takes about {seconds:.0f} s on {machine.cores} cores"
    if seconds > _PATIENCE_SECONDS:
        return Finding("warn", what, "use a machine with more cores, or start before the class")
    return Finding("ok", what)


def _disk(needs: Needs) -> Finding:
    free = free_disk(needs.state)
    least = DISK_TO_RUN if needs.environments_built else DISK_TO_BUILD
    what = f"the disk of {needs.state} has {_gigabytes(free)} free"
    if free < least:
        return Finding(
            "stop",
            f"{what}, and {_gigabytes(least)} are needed",
            "free some space, or set WORKSHOP_STATE to a folder on a larger disk",
        )
    return Finding("ok", f"{what} of the {_gigabytes(least)} needed")


def _port(needs: Needs) -> Finding:
    error = why_port_is_closed(needs.address, needs.port)
    where = f"port {needs.port} on {needs.address}"
    another = "set hub.port in workshop.yaml to another number"
    if error is None:
        return Finding("ok", f"{where} is free")
    if is_in_use(error):
        holder = port_holder(needs.port)
        by = holder or "a process of another account"
        return Finding("stop", f"{where} is in use by {by}", f"stop that process, or {another}")
    if error.errno == errno.EACCES:
        return Finding("stop", f"{where} may only be used by root", another)
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return Finding(
            "stop",
            f"{needs.address} is not an address of this machine",
            "set hub.bind in workshop.yaml to 127.0.0.1, 0.0.0.0 or an address of this machine",
        )
    return Finding("stop", f"{where} can't be used: {error.strerror}", another)


def _chromium(machine: Machine) -> Iterator[Finding]:
    if machine.chromium is None:
        yield Finding(
            "warn",
            "Chromium isn't installed: only the browser tests need it",
            "apt-get install chromium",
        )


def _day(needs: Needs) -> Iterator[Finding]:
    if needs.day is None:
        return
    days = (needs.day - needs.today).days
    if days < 0:
        yield Finding(
            "stop",
            f"the day of the class, {needs.day}, was {_days(-days)} ago",
            "set date in workshop.yaml to the day of the class",
        )
    else:
        yield Finding("ok", "the class is today" if days == 0 else f"the class is in {_days(days)}")


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _gigabytes(size: int) -> str:
    return f"{size / 2**30:.1f} GB"
