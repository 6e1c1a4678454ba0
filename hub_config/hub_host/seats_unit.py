"""The systemd unit of the service that runs a host's seats, and what the service is told."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from hub_config.fleet.links import AGENT, seat_reach
from hub_config.seat_host.settings import host_settings
from hub_config.settings import HubSettings

UNIT: Final = "workshop-seats.service"
SETTINGS: Final = Path("/etc/workshop/seats.json")
SOCKET: Final = AGENT


def service_settings(settings: HubSettings) -> str:
    """What SETTINGS says on every host with seats."""
    return host_settings(settings, AGENT, seat_reach(settings)).text()


def command(library: Path, settings: HubSettings) -> str:
    """The service, as a line for systemd and for a shell."""
    return (
        f"/usr/bin/env PYTHONPATH={library} WORKSHOP_STATE_HOME={settings.state_home} "
        f"{settings.hub_python} -m hub_config.seat_host.service --settings {SETTINGS}"
    )


def unit_text(library: Path, settings: HubSettings) -> str:
    """Seats are no part of the service: they outlive it, and the next one adopts them.

    The text differs when the service is to be started anew: also when it is told something else.
    """
    told = hashlib.sha256(service_settings(settings).encode()).hexdigest()[:16]
    return f"""\
# Told by {SETTINGS}, version {told}
[Unit]
Description=Seats of the workshop {settings.workshop}
After=network.target
# However often it ends at once: it is tried again for as long as the host is on.
StartLimitIntervalSec=0
[Service]
ExecStart={command(library, settings)}
Restart=always
RestartSec=1
KillMode=process
LimitNOFILE=65536
TasksMax=infinity
[Install]
WantedBy=multi-user.target
"""
