"""Machines of a list outlive the workshop: what it put on them goes, when the work is at home.

Programs that were installed stay, and so does the claim on the machine with our folder in /opt:
those the provider clears last of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hub_config.arm_hosts import unit as arm
from hub_config.grading_hosts import unit as grading
from hub_config.grading_hosts.places import WORKER_FOLDER
from hub_config.hub_host import seats_unit as seats
from hub_config.hub_host.layout import GIVEN, STATE
from provisioning.errors import WorkshopError
from provisioning.paths import StatePaths
from provisioning.ssh.connection import Connection
from provisioning.ssh.login import Login
from provisioning.ssh.pool import on_each
from provisioning.ssh.remote_command import script
from provisioning.ssh.waiting import wait_until_answers

_SECONDS = 300
#: Its server of SSH was told to read its settings again.
_AGAIN_SECONDS = 30
_UNITS: Final = (seats.UNIT, grading.UNIT, arm.UNIT)
_ACCOUNTS: Final = (grading.ACCOUNT, arm.ACCOUNT)
#: All of /etc/workshop is ours: settings, and the Arm machine's secret.
_FILES: Final = (seats.SETTINGS.parent, seats.SOCKET.parent, WORKER_FOLDER, arm.FOLDER, GIVEN)

# Nothing stops it halfway: what is left is what the last lines look at.
_LEAVE: Final = r"""
for unit in $units; do
    [ -e "/etc/systemd/system/$unit" ] || continue
    systemctl disable "$unit"
    systemctl stop "$unit"
    rm -f "/etc/systemd/system/$unit"
done
[ ! -d /run/systemd/system ] || systemctl daemon-reload
for account in $accounts; do
    id "$account" > /dev/null 2>&1 || continue
    pkill -KILL -u "$account"
    # A killed process takes a moment to end, and its account stays as long.
    for _ in $(seq 50); do userdel "$account" 2> /dev/null && break; sleep 0.1; done
done
[ ! -e /root/.ssh/authorized_keys ] || sed -i '/ workshop-link$/d' /root/.ssh/authorized_keys
if [ -e /etc/ssh/sshd_config.d/10-workshop-link.conf ]; then
    rm -f /etc/ssh/sshd_config.d/10-workshop-link.conf
    systemctl reload ssh || systemctl reload sshd
    sleep 1  # for a moment it listens no more
fi
if [ -e /etc/sysctl.d/60-workshop.conf ]; then
    rm -f /etc/sysctl.d/60-workshop.conf
    sysctl -q -w kernel.apparmor_restrict_unprivileged_userns=1
fi
nft delete table inet "$table" 2> /dev/null
rm -rf -- $files "$lock"
[ -n "$keep" ] || rm -rf -- "${home:?}"
# Other workshops of this machine may have theirs there.
rmdir -- "$state/environments" "$state" 2> /dev/null
left=
for path in $files; do [ ! -e "$path" ] || left="$left $path"; done
for unit in $units; do [ ! -e "/etc/systemd/system/$unit" ] || left="$left $unit"; done
for account in $accounts; do ! id "$account" > /dev/null 2>&1 || left="$left $account"; done
[ -n "$keep" ] || [ ! -e "$home" ] || left="$left $home"
[ -z "$left" ] || { echo "left:$left" >&2; exit 1; }
"""


def leave_machines(
    logins: Mapping[str, Login], workshop: str, *, keep_work: bool = False
) -> dict[str, WorkshopError]:
    """Every machine at once; returns those on which something of the class is left.

    Homes and everything else in the workshop's folder go too: call it when the archive is
    verified, or with `keep_work`, which leaves that folder where it is.
    """
    paths = StatePaths(STATE, workshop)
    command = script(
        "leave nothing of the class",
        _LEAVE,
        units=" ".join(_UNITS),
        accounts=" ".join(_ACCOUNTS),
        table=f"workshop_{workshop.replace('-', '_')}",
        files=" ".join(map(str, _FILES)),
        home=paths.home,
        lock=paths.lock,
        state=paths.root,
        keep="yes" if keep_work else "",
    )

    def leave(name: str, connection: Connection) -> str:
        connection.run(command, seconds=_SECONDS)
        with wait_until_answers(connection.login, seconds=_AGAIN_SECONDS):
            return name

    done = on_each(logins, leave, seconds=_SECONDS) if logins else {}
    return {name: each for name, each in done.items() if isinstance(each, WorkshopError)}
