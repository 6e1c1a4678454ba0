"""Machines of a list outlive the workshop: what it put on them goes, when the work is at home."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hub_config.hub_host.layout import GIVEN, STATE
from hub_config.hub_host.seats_unit import SETTINGS, UNIT
from provisioning.errors import WorkshopError
from provisioning.ssh.connection import Connection
from provisioning.ssh.login import Login
from provisioning.ssh.pool import on_each
from provisioning.ssh.remote_command import script

_SECONDS = 300
#: Environments and our code stay, as `env ship` leaves them: the next class needs them.
_LEAVE: Final = r"""
if [ -e "/etc/systemd/system/$unit" ]; then
    systemctl disable "$unit"
    systemctl stop "$unit"
    rm -f "/etc/systemd/system/$unit"
    systemctl daemon-reload
fi
[ ! -e /root/.ssh/authorized_keys ] || sed -i '/ workshop-link$/d' /root/.ssh/authorized_keys
if [ -e /etc/ssh/sshd_config.d/10-workshop-link.conf ]; then
    rm -f /etc/ssh/sshd_config.d/10-workshop-link.conf
    systemctl reload ssh || systemctl reload sshd
fi
nft delete table inet "$table" 2> /dev/null
rm -rf -- "$settings" "$given" "${home:?}"
[ ! -e "$home" ]
"""


def leave_machines(logins: Mapping[str, Login], workshop: str) -> dict[str, WorkshopError]:
    """Every machine at once; returns those on which something of the class is left.

    Homes are removed too: call it when the archive is verified.
    """
    command = script(
        "leave nothing of the class",
        _LEAVE,
        unit=UNIT,
        table=f"workshop_{workshop.replace('-', '_')}",
        settings=SETTINGS,
        given=GIVEN,
        home=STATE / workshop,
    )

    def leave(name: str, connection: Connection) -> str:
        connection.run(command, seconds=_SECONDS)
        return name

    done = on_each(logins, leave, seconds=_SECONDS) if logins else {}
    return {name: each for name, each in done.items() if isinstance(each, WorkshopError)}
