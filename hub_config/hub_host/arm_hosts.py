"""From an Arm host that is ready to one that the hub's host may set up: it does the rest itself,
see hub_config.arm_hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hub_config.fleet.link_keys import seat_host_script
from hub_config.hub_host.packages import ensure_programs
from provisioning.errors import WorkshopError
from provisioning.ssh.connection import Connection
from provisioning.ssh.login import Login
from provisioning.ssh.pool import on_each
from provisioning.ssh.remote_command import script

#: What jails the sessions there.
_PROGRAMS: Final = {"bwrap": "bubblewrap"}
_SECONDS = 900


@dataclass(frozen=True)
class _Welcome:
    link_key: str

    def install(self, name: str, connection: Connection) -> str:
        ensure_programs(connection, _PROGRAMS)
        authorise = script("let the hub host in", seat_host_script(self.link_key))
        connection.run(authorise, seconds=60)
        return name


def welcome_hub_host(logins: Mapping[str, Login], link_key: str) -> dict[str, WorkshopError]:
    """On every Arm host; the reasons of those that don't let it in."""
    if not logins:
        return {}
    done = on_each(logins, _Welcome(link_key).install, workers=len(logins), seconds=_SECONDS)
    return {name: each for name, each in done.items() if isinstance(each, WorkshopError)}
