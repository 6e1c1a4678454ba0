"""From a host that is ready and furnished to one that can run seats: our code, the hub host's
key, the seats' configuration, and the service that runs them. All hosts at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hub_config.fleet.link_keys import seat_host_script
from hub_config.hub_host.facts import ForSeatHosts
from hub_config.hub_host.layout import LIBRARY
from hub_config.hub_host.packages import SEAT_HOST, ensure_programs
from hub_config.hub_host.parcel import Parcel, ensure_parcel
from hub_config.hub_host.seats_unit import (
    SETTINGS,
    SOCKET,
    UNIT,
    command,
    service_settings,
    unit_text,
)
from hub_config.render import Files, RenderedFile, seat_configuration
from hub_config.settings import HubSettings
from provisioning.errors import WorkshopError
from provisioning.ssh.connection import Connection
from provisioning.ssh.login import Login
from provisioning.ssh.pool import on_each
from provisioning.ssh.remote_command import script

_SECONDS_EACH = 900
_AT_ONCE = 32
_JOB: Final = "seats"

# Folders between a file's own and those that were there are made for root alone.
_READABLE: Final = """find "$folder" -type d -exec chmod 755 {} +"""

# A unit that is as it was keeps its seats; the service adopts them when it is started anew.
_START: Final = r"""
set -eu
unit_file="/etc/systemd/system/$unit"
if ! cmp -s "$unit_file.new" "$unit_file"; then
    mv -- "$unit_file.new" "$unit_file"
    systemctl daemon-reload
    systemctl enable "$unit"
    systemctl restart "$unit"
else
    rm -- "$unit_file.new"
    systemctl start "$unit"
fi
"""

_CONNECT: Final = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
_WAIT: Final = r"""
for turn in $(seq 100); do
    python3 -IS -c "$connect" "$socket" 2> /dev/null && exit 0
    sleep 0.2
done
echo "the service that runs seats does not answer: see journalctl -u workshop-seats" >&2
exit 1
"""


@dataclass(frozen=True)
class SeatHostOrder:
    """What every host with seats gets."""

    bundle: Parcel
    needs: ForSeatHosts
    #: Besides those that a seat needs: program -> package.
    programs: Mapping[str, str] = field(default_factory=dict)

    def install(self, name: str, connection: Connection) -> str:
        """One host, from its packages to a service that listens. Can be repeated."""
        ensure_programs(connection, {**SEAT_HOST, **self.programs})
        library = ensure_parcel(connection, self.bundle, LIBRARY, mode="755", forget=True)
        authorise = script("let the hub host in", seat_host_script(self.needs.link_key))
        connection.run(authorise, seconds=60)
        for path, file in seat_files(self.needs).items():
            connection.put_bytes(file.text.encode(), str(path), seconds=60, mode=file.mode)
        config = self.needs.settings.seat.config
        connection.run(script("let seats read", _READABLE, folder=config), seconds=60)
        _start(connection, library, self.needs.settings)
        return name


def _start(connection: Connection, library: Path, settings: HubSettings) -> None:
    """By systemd; without it as a job of its own, which `up` starts again after a reboot."""
    booted = connection.run("[ -d /run/systemd/system ]", seconds=60, check=False).status == 0
    if booted:
        unit = unit_text(library, settings)
        connection.put_bytes(unit.encode(), f"/etc/systemd/system/{UNIT}.new", seconds=60)
        connection.run(script("start the seats' service", _START, unit=UNIT), seconds=120)
    else:
        again = f"while :; do {command(library, settings)}; sleep 1; done"
        if (job := connection.job(_JOB)) is not None and job.state == "running":
            connection.end_job(_JOB)
        connection.start_job(_JOB, again)
    wait = script("wait for the seats' service", _WAIT, socket=SOCKET, connect=_CONNECT)
    connection.run(wait, seconds=120)


def seat_files(needs: ForSeatHosts) -> Files:
    """How JupyterLab and nbgrader look from a seat, at the same path as on the hub host; and what
    the service is told."""
    told = RenderedFile(service_settings(needs.settings), 0o600)
    return {**seat_configuration(needs.settings), SETTINGS: told}


def install_seat_hosts(
    logins: Mapping[str, Login], order: SeatHostOrder
) -> dict[str, WorkshopError]:
    """Every host at once; returns those that can't run seats, with the reason."""
    turns = max(1, -(-len(logins) // _AT_ONCE))
    done = on_each(logins, order.install, workers=_AT_ONCE, seconds=turns * _SECONDS_EACH)
    return {name: each for name, each in done.items() if isinstance(each, WorkshopError)}
