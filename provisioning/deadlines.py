"""When hosts end themselves: moving it, and telling the cloud of what was moved without it.

The timer on a host is what ends it, and its file the only place that knows the time. The tags say
what this computer knew last. Staff may extend from the wall, on a hub host that has no
credentials: so whoever has some asks the hosts first (docs/decisions/extending-from-the-wall.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from provisioning.deadline_timer import (
    MOVE_TIMER,
    TIMER_FILE,
    deadline_timer,
    timer_deadline,
)
from provisioning.errors import NotPossibleHere, WorkshopError
from provisioning.fleet import Fleet, Host
from provisioning.fleet_desk import FleetDesk
from provisioning.operate import LOOK_SECONDS, known_logins
from provisioning.ssh.connection import Connection
from provisioning.ssh.pool import on_each
from provisioning.ssh.remote_command import script

_AT_ONCE = 64
_HUB: Final = "hub"


def extend_deadline(
    desk: FleetDesk, by: timedelta, now: datetime
) -> tuple[datetime, dict[str, WorkshopError]]:
    """Every host ends itself later: its own timer first, then what the cloud is told of it.

    Returns the new deadline, and the hosts that keep the old one with the reason.
    """
    ensure_known(desk)
    fleet = desk.provider.observe()
    # The timer counts in whole seconds, and so does the tag.
    deadline = (max(_latest(fleet), now) + by).astimezone(UTC).replace(microsecond=0)
    timer = deadline_timer(deadline).encode()

    move = script("move the deadline", MOVE_TIMER, timer=TIMER_FILE)

    def rewrite(name: str, connection: Connection) -> bool:
        connection.put_bytes(timer, f"{TIMER_FILE}.new", seconds=60, mode=0o644)
        connection.run(move, seconds=60)
        return True

    logins, problems = known_logins(desk, fleet.hosts)
    said = on_each(logins, rewrite, workers=_AT_ONCE, seconds=120) if logins else {}
    problems |= {name: each for name, each in said.items() if isinstance(each, WorkshopError)}
    done = tuple(host.name for host in fleet.hosts if host.name not in problems)
    if done:
        desk.provider.note_deadline(done, deadline)
    return deadline, problems


def ensure_known(desk: FleetDesk) -> datetime | None:
    """The cloud is told of deadlines that staff have moved from the wall.

    Returns the latest of them; None when the cloud knew all, and where nobody can be asked. From
    the wall the hub host's is moved first, so it alone is asked as long as nothing is new.
    """
    fleet = desk.provider.observe()
    hub = fleet.host(_HUB)
    if hub is None or hub.deadline is None or not _moved(desk, (hub,)):
        return None
    by_time: dict[datetime, list[str]] = {}
    for name, deadline in _moved(desk, fleet.hosts).items():
        by_time.setdefault(deadline, []).append(name)
    for deadline, names in by_time.items():
        desk.provider.note_deadline(tuple(names), deadline)
    return max(by_time, default=None)


def _moved(desk: FleetDesk, hosts: tuple[Host, ...]) -> dict[str, datetime]:
    """Of hosts that answer and end later than the cloud knows: when."""

    def read(name: str, connection: Connection) -> datetime | None:
        said = connection.run(f"cat {TIMER_FILE}", seconds=LOOK_SECONDS, check=False)
        return timer_deadline(said.stdout.decode(errors="replace"))

    asked = tuple(host for host in hosts if host.address is not None and host.state == "running")
    logins, _ = known_logins(desk, asked)
    told: Mapping[str, datetime | WorkshopError | None] = (
        on_each(logins, read, workers=_AT_ONCE, seconds=LOOK_SECONDS) if logins else {}
    )
    known = {host.name: host.deadline for host in hosts}
    return {
        name: at
        for name, at in told.items()
        if isinstance(at, datetime) and (before := known[name]) is not None and at > before
    }


def _latest(fleet: Fleet) -> datetime:
    deadlines = [host.deadline for host in fleet.hosts if host.deadline is not None]
    if not deadlines:
        raise NotPossibleHere(
            "No host of this workshop ends itself, so there is nothing to extend",
            next_step="workshop host list",
        )
    return max(deadlines)
