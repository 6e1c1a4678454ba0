"""How the hosts and the seats on them are: from the watch's file, the agents, and this machine."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import psutil
from pydantic import TypeAdapter, ValidationError

from hub_config.seat_host.client import SeatHost
from hub_config.seat_host.protocol import Health, SeatHostError, SeatState, read_noun
from hub_config.wall.facts import Host, HostState, Usage

#: An agent that is well answers in milliseconds; the wall does not wait for others.
_SECONDS = 3.0
_AT_ONCE = 16
#: The watch looks every five seconds; hosts that are silent hold it up for some more.
_WATCH_WRITES = timedelta(seconds=60)
_STATES: dict[str, HostState] = {state: state for state in get_args(HostState)}
_MOMENT = TypeAdapter(datetime)


def read_hosts(file: Path, now: datetime) -> tuple[tuple[Host, ...], str]:
    """The watch's file, and what is wrong with it in words; nothing where nobody watches.

    What an ill watch wrote long ago says nothing of now: its hosts are unknown.
    """
    try:
        told = json.loads(file.read_bytes())
        hosts, at = tuple(host_of(row) for row in told["hosts"]), moment(told.get("at"))
    except FileNotFoundError:
        return (), ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return (), "What the watch over the hosts wrote can't be read."
    if at is None or now - at > _WATCH_WRITES:
        return (
            tuple(replace(host, state="unknown") for host in hosts),
            "The watch over the hosts writes nothing: how they are is not known.",
        )
    return hosts, ""


def host_of(row: Mapping[str, Any]) -> Host:
    """One host of the watch's file."""
    host = Host(
        name=str(row["name"]),
        state=_STATES.get(str(row.get("state")), "unknown"),
        since=moment(row.get("since")),
        seats=tuple(str(each) for each in row.get("seats") or ()),
        problem=str(row.get("problem") or ""),
    )
    try:
        health = read_noun(Health, row["health"]) if row.get("health") else None
    except SeatHostError:
        health = None
    return with_health(host, health) if health else host


def with_health(host: Host, health: Health) -> Host:
    """The host with what its agent measured."""
    return replace(
        host,
        cores=health.cores,
        load=health.load,
        memory_bytes=health.memory_bytes,
        memory_free_bytes=health.memory_free_bytes,
        disk_free_bytes=health.disk_free_bytes,
        gpus=tuple(gpu.busy_percent for gpu in health.gpus if gpu.busy_percent is not None),
        problem=host.problem
        or next((f"{warm.name}: {warm.ill}" for warm in health.warm if warm.ill), ""),
    )


def this_machine(name: str, disk: Path) -> Host:
    """The hub's own host, asked directly."""
    memory = psutil.virtual_memory()
    return Host(
        name=name,
        state="well",
        cores=os.cpu_count(),
        load=os.getloadavg()[0],
        memory_bytes=memory.total,
        memory_free_bytes=memory.available,
        disk_free_bytes=shutil.disk_usage(disk).free,
    )


def read_usage(agents: Mapping[str, Path]) -> tuple[Usage, ...]:
    """Every seat that an agent knows; a silent agent says nothing (its host's state says why)."""
    there = {host: socket for host, socket in agents.items() if socket.exists()}
    if not there:
        return ()
    with ThreadPoolExecutor(min(_AT_ONCE, len(there))) as pool:
        lists = pool.map(lambda each: _seats(*each), there.items())
        return tuple(usage for usages in lists for usage in usages)


def _seats(host: str, socket: Path) -> tuple[Usage, ...]:
    try:
        return tuple(usage_of(host, seat) for seat in SeatHost(socket, _SECONDS).list())
    except SeatHostError:
        return ()


def usage_of(host: str, seat: SeatState) -> Usage:
    use = seat.use
    return Usage(
        username=seat.username,
        host=host,
        alive=seat.running,
        memory_bytes=use.memory_bytes if use.measured else None,
        out_of_memory=use.out_of_memory,
    )


def when_out_of_memory(
    now: datetime, usage: Iterable[Usage], before: Iterable[Usage]
) -> tuple[Usage, ...]:
    """Usage with the moment at which a count was first seen higher than before.

    A count that is there at the first look may be old: it gets no moment.
    """
    known = {each.username: each for each in before}
    found = []
    for each in usage:
        earlier = known.get(each.username)
        if earlier is None or each.out_of_memory < earlier.out_of_memory:
            # A new start of the seat counts from nothing.
            at = now if earlier and each.out_of_memory else None
        else:
            at = now if each.out_of_memory > earlier.out_of_memory else earlier.out_of_memory_at
        found.append(replace(each, out_of_memory_at=at))
    return tuple(found)


def moment(text: object) -> datetime | None:
    """A time of a JSON file; None for what is none."""
    try:
        return _MOMENT.validate_python(text) if isinstance(text, str) else None
    except ValidationError:
        return None
