"""What is done with hosts that are there: look at them, run a command, read logs, extend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from provisioning.catalogue.money import Range
from provisioning.costs import hourly_of
from provisioning.errors import NotPossibleHere, WorkshopError
from provisioning.fleet import Fleet, Host
from provisioning.fleet_desk import FleetDesk
from provisioning.providers.ec2.user_data import TIMER_FILE, deadline_timer
from provisioning.ssh.connection import Connection
from provisioning.ssh.login import Login
from provisioning.ssh.pool import on_each

#: A host that is well answers in a second; a status that takes longer is of no use.
LOOK_SECONDS = 15

_LOOK: Final = r"""
echo "load $(cut -d' ' -f1 /proc/loadavg)"
echo "cores $(nproc)"
echo "free $(df -BG --output=avail / | tail -n 1 | tr -dc 0-9)"
for link in /opt/workshop/environments/*; do
    [ -L "$link" ] && echo "environment $(basename "$(readlink "$link")")"
done
command -v nvidia-smi >/dev/null &&
    nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits | sed 's/^/gpu /'
true
"""

_LOGS: Final = r"""
for file in /var/log/cloud-init-output.log; do
    [ -e "$file" ] && echo "== $file" && tail -n {lines} "$file"
done
command -v journalctl >/dev/null && echo '== journalctl' &&
    journalctl --no-pager --lines={lines} 2>/dev/null
true
"""


@dataclass(frozen=True)
class HostNow:
    """A host as the cloud describes it, and what it says of itself when it answers."""

    host: Host
    answers: bool
    load: float | None = None
    cores: int | None = None
    free_gb: int | None = None
    environments: tuple[str, ...] = ()
    #: How busy each GPU is, in percent.
    gpus: tuple[int, ...] = ()
    #: US dollars an hour; nothing for a type that is in no price table.
    hourly: Range | None = None
    problem: str = ""


@dataclass(frozen=True)
class Ran:
    """What a command said (both streams) and its exit status."""

    status: int
    output: str


def hosts_now(desk: FleetDesk) -> tuple[HostNow, ...]:
    """Every host, asked at the same time; one that is silent keeps nobody waiting."""
    fleet = desk.provider.observe()
    logins: dict[str, Login] = {}
    problems: dict[str, str] = {}
    for host in fleet.hosts:
        if host.state != "running":
            continue
        try:
            logins[host.name] = desk.threshold.login(host)
        except WorkshopError as error:
            problems[host.name] = error.message
    said = on_each(logins, _look, workers=64, seconds=LOOK_SECONDS) if logins else {}
    return tuple(
        _now(host, said.get(host.name), problems.get(host.name, "")) for host in fleet.hosts
    )


def _look(name: str, connection: Connection) -> str:
    finished = connection.run("sh -s", stdin=_LOOK.encode(), seconds=LOOK_SECONDS)
    return finished.stdout.decode(errors="replace")


def _now(host: Host, said: str | WorkshopError | None, problem: str) -> HostNow:
    cost = hourly_of(host.type, host.market, host.region)
    match said:
        case None:
            return HostNow(host, False, hourly=cost, problem=problem)
        case WorkshopError():
            return HostNow(host, False, hourly=cost, problem=said.message)
    facts = [line.split(" ", 1) for line in said.splitlines() if " " in line]
    one = dict(facts)
    return HostNow(
        host,
        answers=True,
        load=float(one["load"]) if "load" in one else None,
        cores=int(one["cores"]) if "cores" in one else None,
        free_gb=int(one["free"]) if "free" in one else None,
        environments=tuple(value for key, value in facts if key == "environment"),
        gpus=tuple(int(value) for key, value in facts if key == "gpu" and value.isdigit()),
        hourly=cost,
    )


def run_on_hosts(
    logins: Mapping[str, Login], command: str, *, seconds: float
) -> dict[str, Ran | WorkshopError]:
    """The same command as root on every host at once."""

    def run(name: str, connection: Connection) -> Ran:
        finished = connection.run(f"{{ {command}\n}} 2>&1", seconds=seconds, check=False)
        return Ran(finished.status, finished.stdout.decode(errors="replace"))

    return on_each(logins, run, workers=64, seconds=seconds + LOOK_SECONDS)


def read_logs(login: Login, lines: int) -> str:
    """The end of the first boot's log and of the system's. Raises the SSH room's errors."""

    def read(name: str, connection: Connection) -> str:
        script = _LOGS.format(lines=lines).encode()
        return connection.run("sh -s", stdin=script, seconds=60).stdout.decode(errors="replace")

    (said,) = on_each({"host": login}, read, workers=1, seconds=90).values()
    if isinstance(said, WorkshopError):
        raise said
    return said


def extend_deadline(
    desk: FleetDesk, by: timedelta, now: datetime
) -> tuple[datetime, dict[str, WorkshopError]]:
    """Every host ends itself later: its own timer first, then what the cloud is told of it.

    Returns the new deadline, and the hosts that keep the old one with the reason.
    """
    fleet = desk.provider.observe()
    deadline = max(_latest(fleet), now) + by
    running = tuple(host for host in fleet.hosts if host.state == "running")
    timer = deadline_timer(deadline).encode()

    def rewrite(name: str, connection: Connection) -> bool:
        connection.put_bytes(timer, TIMER_FILE, seconds=60, mode=0o644)
        restart = "systemctl daemon-reload && systemctl restart workshop-deadline.timer"
        connection.run(restart, seconds=60)
        return True

    said = on_each(desk.logins(running), rewrite, workers=64, seconds=120)
    problems = {name: each for name, each in said.items() if isinstance(each, WorkshopError)}
    done = tuple(host.name for host in running if host.name not in problems)
    if done:
        desk.provider.note_deadline(done, deadline)
    return deadline.astimezone(UTC), problems


def _latest(fleet: Fleet) -> datetime:
    deadlines = [host.deadline for host in fleet.hosts if host.deadline is not None]
    if not deadlines:
        raise NotPossibleHere(
            "No host of this workshop ends itself, so there is nothing to extend",
            next_step="workshop host list",
        )
    return max(deadlines)
