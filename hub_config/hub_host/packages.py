"""Programs that a host needs besides what a cloud's image has, installed where they are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from provisioning.errors import StepFailed
from provisioning.ssh.connection import Connection
from provisioning.ssh.remote_command import script

_SECONDS = 600
#: Program -> Debian's and Ubuntu's package.
SEAT_HOST: Final[Mapping[str, str]] = {"bwrap": "bubblewrap", "rsync": "rsync", "nft": "nftables"}
HUB_HOST: Final[Mapping[str, str]] = {**SEAT_HOST, "ssh": "openssh-client"}
#: Wherever people sit: links what a lab compiles for an Arm.
ARM_LAB: Final[Mapping[str, str]] = {"aarch64-linux-gnu-ld": "binutils-aarch64-linux-gnu"}

# Ubuntu 24.04 forbids accounts their own namespaces, which a seat's jail is made of. These hosts
# are for seats alone.
_ENSURE: Final = r"""
set -eu
if [ "$(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null || echo 0)" = 1 ]
then
    echo kernel.apparmor_restrict_unprivileged_userns=0 > /etc/sysctl.d/60-workshop.conf
    sysctl -q -p /etc/sysctl.d/60-workshop.conf
fi
missing=
for pair in $programs; do
    command -v "${pair%%=*}" > /dev/null || missing="$missing ${pair#*=}"
done
[ -n "$missing" ] || exit 0
export DEBIAN_FRONTEND=noninteractive
install() {
    apt-get -q -o DPkg::Lock::Timeout=120 install -y --no-install-recommends $missing
}
{ apt-get -q -o DPkg::Lock::Timeout=120 update && install; } >&2 || {
    echo "missing:$missing"
    exit 1
}
"""


def ensure_programs(connection: Connection, programs: Mapping[str, str]) -> None:
    """Nothing happens where they are. StepFailed names what can't be installed."""
    wanted = " ".join(f"{program}={package}" for program, package in programs.items())
    command = script("install what is missing", _ENSURE, programs=wanted)
    done = connection.run(command, seconds=_SECONDS, check=False)
    if done.status == 0:
        return
    missing = done.stdout.decode(errors="replace").rpartition("missing:")[2].strip()
    said = done.stderr.decode(errors="replace").strip().splitlines()
    raise StepFailed(
        f"{connection.login.address} lacks {missing or 'programs'}, and apt-get can't install "
        f"it: {said[-1] if said else 'it gives no reason'}",
        next_step=f"let the host reach its package mirror, or use an image that has {missing}; "
        "then repeat `workshop up`",
    )
