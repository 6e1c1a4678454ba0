"""What is done with hosts that are there: look at them, run a command, read logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from provisioning.catalogue.money import Range
from provisioning.costs import hourly_of
from provisioning.deadline_timer import TIMER_FILE, timer_deadline
from provisioning.errors import WorkshopError
from provisioning.fleet import Host
from provisioning.fleet_desk import FleetDesk
from provisioning.ssh.connection import Connection
from provisioning.ssh.login import Login
from provisioning.ssh.pool import on_each
from provisioning.ssh.remote_command import script

#: A host that is well answers in a second; a status that takes longer is of no use.
LOOK_SECONDS = 15
_AT_ONCE = 64

_LOOK: Final = rf"""
echo "load $(cut -d' ' -f1 /proc/loadavg)"
echo "cores $(nproc)"
echo "free $(df -BG --output=avail / | tail -n 1 | tr -dc 0-9)"
sed -n 's/^OnCalendar=/deadline &/p' {TIMER_FILE} 2> /dev/null
for link in /opt/workshop/environments/*; do
    [ -L "$link" ] && echo "environment $(basename "$(readlink "$link")")"
done
command -v nvidia-smi >/dev/null &&
    nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits | sed 's/^/gpu /'
true
"""

_LOGS: Final = r"""
for file in /var/log/cloud-init-output.log; do
    [ -e "$file" ] && echo "== $file" && tail -n "$lines" "$file"
done
command -v journalctl >/dev/null && echo '== journalctl' &&
    journalctl --no-pager --lines="$lines" 2>/dev/null
true
"""


@dataclass(frozen=True)
class HostNow:
    """A host as the cloud describes it, and what it says of itself when it answers: its deadline
    too, which staff may have moved from the wall."""

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


def hosts_now(desk: FleetDesk, *, seconds: float = LOOK_SECONDS) -> tuple[HostNow, ...]:
    """Every host, asked at the same time; one that is silent keeps nobody waiting longer."""
    fleet = desk.provider.observe()
    # A machine of a list that doesn't answer counts as pending: trying tells why.
    tried = [host for host in fleet.hosts if host.address and host.state in ("running", "pending")]
    logins, problems = known_logins(desk, tried)
    said = on_each(logins, _look, workers=_AT_ONCE, seconds=seconds) if logins else {}
    return tuple(_now(host, (said | problems).get(host.name)) for host in fleet.hosts)


def known_logins(
    desk: FleetDesk, hosts: Iterable[Host]
) -> tuple[dict[str, Login], dict[str, WorkshopError]]:
    """How to log in to each, and why not: one host that can't be verified keeps nobody."""
    logins: dict[str, Login] = {}
    problems: dict[str, WorkshopError] = {}
    for host in hosts:
        try:
            logins[host.name] = desk.threshold.login(host)
        except WorkshopError as error:
            problems[host.name] = error
    return logins, problems


def _look(name: str, connection: Connection) -> str:
    finished = connection.run(script("look at the host", _LOOK), seconds=LOOK_SECONDS)
    return finished.stdout.decode(errors="replace")


def _now(host: Host, said: str | WorkshopError | None) -> HostNow:
    cost = hourly_of(host.type, host.market, host.region)
    match said:
        case None:
            return HostNow(host, False, hourly=cost)
        case WorkshopError():
            return HostNow(host, False, hourly=cost, problem=said.message)
    facts = [line.split(" ", 1) for line in said.splitlines() if " " in line]
    one = dict(facts)
    return HostNow(
        replace(host, deadline=timer_deadline(one.get("deadline", "")) or host.deadline),
        answers=True,
        load=_number(one.get("load", "")),
        cores=_whole(one.get("cores", "")),
        free_gb=_whole(one.get("free", "")),
        environments=tuple(value for key, value in facts if key == "environment"),
        gpus=tuple(int(value) for key, value in facts if key == "gpu" and value.isdigit()),
        hourly=cost,
    )


def _number(text: str) -> float | None:
    """None for what a host in trouble says instead of a number."""
    try:
        return float(text)
    except ValueError:
        return None


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def run_on_hosts(
    logins: Mapping[str, Login], command: str, *, seconds: float
) -> dict[str, Ran | WorkshopError]:
    """The same command as root on every host at once; `seconds` is for each of them."""
    line = script(command, f"exec 2>&1\n{command}")

    def run(name: str, connection: Connection) -> Ran:
        finished = connection.run(line, seconds=seconds, check=False)
        return Ran(finished.status, finished.stdout.decode(errors="replace"))

    turns = max(1, -(-len(logins) // _AT_ONCE))
    return on_each(logins, run, workers=_AT_ONCE, seconds=turns * seconds + LOOK_SECONDS)


def read_logs(login: Login, lines: int) -> str:
    """The end of the first boot's log and of the system's. Raises the SSH room's errors."""

    def read(name: str, connection: Connection) -> str:
        command = script("read its logs", _LOGS, lines=lines)
        return connection.run(command, seconds=60).stdout.decode(errors="replace")

    (said,) = on_each({"host": login}, read, workers=1, seconds=90).values()
    if isinstance(said, WorkshopError):
        raise said
    return said
