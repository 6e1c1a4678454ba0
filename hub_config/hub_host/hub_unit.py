"""The systemd unit that holds the hub's supervisord on a host that ends and begins again."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from provisioning.folders import write_atomically

UNIT: Final = "workshop-hub.service"
FOLDER: Final = Path("/etc/systemd/system")
#: sd_booted(3): it's there where systemd is the first process.
BOOTED: Final = Path("/run/systemd/system")
_SECONDS = 60


def start(workshop: str, command: Sequence[str]) -> str | None:
    """Start it now and at each boot. None, or what systemd says against it."""
    write_atomically(FOLDER / UNIT, unit_text(workshop, shlex.join(command)).encode())
    for verb in (["daemon-reload"], ["enable", "--now", UNIT]):
        said = _systemctl(*verb)
        if said is not None:
            return said
    return None


def forget() -> None:
    """Not at the next boot any more. What runs is asked to end by its own means."""
    if (FOLDER / UNIT).exists():
        _systemctl("disable", UNIT)
        (FOLDER / UNIT).unlink(missing_ok=True)
        _systemctl("daemon-reload")


def _systemctl(*verb: str) -> str | None:
    done = subprocess.run(
        ["systemctl", *verb], capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode == 0:
        return None
    return (done.stderr or done.stdout).strip() or f"systemctl ended with {done.returncode}"


def unit_text(workshop: str, command: str) -> str:
    """`command` runs in the foreground. Seats on this host outlive a restart of it."""
    return f"""\
[Unit]
Description=Hub of the workshop {workshop}
Wants=network-online.target
After=network-online.target
# However often it ends at once: it is tried again for as long as the host is on.
StartLimitIntervalSec=0
[Service]
ExecStart={command}
Restart=on-failure
RestartSec=2
KillMode=process
LimitNOFILE=65536
TasksMax=infinity
Delegate=yes
[Install]
WantedBy=multi-user.target
"""
