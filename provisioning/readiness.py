"""A host is ready when a class could use it: it answers to a key of its own, its first boot
is over, and the disk and the GPU that were paid for are there.

The key that user-data carried is only good for the first contact: whoever can read user-data
could pretend to be the host. So the first verified connection makes another one there, and
nothing accepts the old one afterwards (docs/decisions/user-data.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from provisioning.errors import StepFailed
from provisioning.fleet import Architecture, Host
from provisioning.ssh.connection import Connection
from provisioning.ssh.login import Login
from provisioning.ssh.remote_command import script
from provisioning.ssh.waiting import wait_until_answers

#: Written by the last command of our user-data; see providers/ec2/user_data.py.
FIRST_BOOT_DONE: Final = "/opt/workshop/user-data-done"
_FIRST_BOOT_FAILED, _FIRST_BOOT_LATE = 3, 4
#: The share of a disk's size that a file system offers at least.
_USABLE = 0.85

_ARCHITECTURES: Final[dict[str, Architecture]] = {"x86_64": "x86_64", "aarch64": "arm64"}

# Whatever a cut-off run left of the pair, both halves belong together afterwards.
_OWN_KEY: Final = r"""
set -eu
key=/etc/ssh/workshop_host_ed25519_key
ssh-keygen -y -f "$key" > "$key.pub" 2> /dev/null < /dev/null || {
    rm -f "$key" "$key.pub"
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$key"
}
sync "$key" "$key.pub" /etc/ssh
cat "$key.pub"
"""

# The connection in use survives the reload. The old key goes when a new connection has met the
# other one: whenever this is cut off, sshd has a key that we accept, also after a restart.
_ONLY_OWN_KEY: Final = r"""
set -eu
cd /etc/ssh
own=$(cut -d ' ' -f 2 workshop_host_ed25519_key.pub)
echo 'HostKey /etc/ssh/workshop_host_ed25519_key' > sshd_config.d/00-workshop-host-key.conf
sync sshd_config.d/00-workshop-host-key.conf sshd_config.d
if [ -e sshd_config.d/10-workshop.conf ]; then
    sed -i '/^HostKey/d' sshd_config.d/10-workshop.conf
    sync sshd_config.d/10-workshop.conf sshd_config.d
fi
mkdir -p /run/sshd
settings=$(/usr/sbin/sshd -T -C user=root,host=localhost,addr=127.0.0.1)
port=$(echo "$settings" | sed -n 's/^port //p' | head -n 1)
systemctl reload ssh 2> /dev/null || kill -HUP "$(cat /run/sshd.pid)"
for turn in $(seq 100); do
    shown=$(ssh-keyscan -t ed25519 -p "$port" 127.0.0.1 2> /dev/null | cut -d ' ' -f 3)
    if [ "$shown" = "$own" ]; then
        rm -f ssh_host_*key ssh_host_*key.pub
        exit 0
    fi
    sleep 0.1
done
echo "sshd goes on showing another host key: ${shown:-none}" >&2
exit 1
"""

# cloud-init writes its result after the last command of the user-data has ended, well or not.
_FIRST_BOOT: Final = r"""
status=
until [ -e "$done" ]; do
    if [ -e /run/cloud-init/result.json ] && [ ! -e "$done" ]; then status=$failed; break; fi
    if [ "$half_seconds" -le 0 ]; then status=$late; break; fi
    half_seconds=$((half_seconds - 1))
    sleep 0.5
done
[ -n "$status" ] || exit 0
cloud-init status --long 2>&1 | tail -n 5
tail -n 20 /var/log/cloud-init-output.log 2> /dev/null
exit "$status"
"""

_MACHINE: Final = r"""
echo "machine $(uname -m)"
echo "disk $(df -BG --output=size / | tail -n 1 | tr -dc 0-9)"
echo "memory $(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo)"
if command -v nvidia-smi > /dev/null; then
    # What goes wrong it says on standard output, too.
    if names=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>&1); then
        echo "$names" | sed 's/^/gpu /'
    else
        echo "$names" | sed 's/^/nvidia-smi /'
    fi
fi
true
unit=workshop-metadata.service
if [ -d /run/systemd/system ] && [ -e "/etc/systemd/system/$unit" ]; then
    # After a restart it may come up a moment after sshd.
    for turn in $(seq 20); do
        state=$(systemctl is-active "$unit")
        case "$state" in active | failed) break ;; esac
        sleep 0.5
    done
    echo "metadata $state"
fi
"""


class HostKeys(Protocol):
    """What is known of the keys that hosts show; see fleet_state.py."""

    def host_keys(self, place: str, attempt: int) -> tuple[str, ...]: ...
    def pinned(self, place: str, attempt: int) -> str | None: ...
    def pin(self, place: str, attempt: int, public: str) -> None: ...
    def forget_bootstrap(self, place: str, attempt: int) -> None: ...


@dataclass(frozen=True)
class Hardware:
    """What a host must have to be what was asked for."""

    disk_gb: int = 0
    gpus: int = 0


@dataclass(frozen=True)
class Ready:
    """A host that a class could use, and what was found on it."""

    name: str
    seconds: float
    disk_gb: int
    gpus: tuple[str, ...]
    architecture: Architecture
    memory_bytes: int = 0


@dataclass(frozen=True)
class _Machine:
    disk_gb: int
    gpus: tuple[str, ...]
    architecture: Architecture
    memory_bytes: int


@dataclass(frozen=True)
class Threshold:
    """Takes hosts over it: whose keys, whose private key, how long each may take."""

    keys: HostKeys
    key_file: Path
    #: Whether our user-data runs at the first boot; not on machines that were there before us.
    first_boot: bool = True
    seconds: float = 600
    clock: Callable[[], float] = time.monotonic

    def login(self, host: Host) -> Login:
        """How to log in to a host that has an address. StepFailed for one that has none."""
        if host.address is None:
            raise StepFailed(
                f"{host.name} is {host.state} and has no address",
                next_step=f"`workshop start {host.name}`, or `workshop host replace {host.name}`",
            )
        keys = self.keys.host_keys(host.name, host.attempt)
        if not keys:
            raise StepFailed(
                f"{host.name} shows a host key that this computer was never told: it was "
                "launched from another state folder",
                next_step="work where it was launched, or end it: `workshop down`, then `up`",
            )
        return Login(host.address, self.key_file, keys)

    def make_ready(
        self, host: Host, wanted: Hardware, tell: Callable[[str], None] = lambda stage: None
    ) -> Ready:
        """Wait, look, and leave the host with a key that only it knows. Can be repeated.

        Raises the SSH room's errors, or StepFailed with what is missing.
        """
        began = self.clock()
        tell("waiting for SSH")
        with wait_until_answers(self.login(host), seconds=self.seconds) as connection:
            tell("making its own host key")
            self._own_key(host, connection)
            if self.first_boot:
                tell("first boot")
                self._first_boot(host, connection, began)
            tell("looking at its hardware")
            found = self._machine(host, connection, wanted)
        self._prove_own_key(host)
        tell("ready")
        seconds = self.clock() - began
        return Ready(
            host.name, seconds, found.disk_gb, found.gpus, found.architecture, found.memory_bytes
        )

    def _own_key(self, host: Host, connection: Connection) -> None:
        if self._has_only_own_key(host):
            return
        found = connection.run(script("make the host's own key", _OWN_KEY), seconds=60)
        # Recorded before the host shows it: killed in between, both keys are accepted.
        self.keys.pin(host.name, host.attempt, found.stdout.decode().strip())
        connection.run(script("show the host's own key alone", _ONLY_OWN_KEY), seconds=60)

    def _prove_own_key(self, host: Host) -> None:
        """The next connection must already meet the new key; then the old one is worthless."""
        own = self.keys.pinned(host.name, host.attempt)
        if own is None or self._has_only_own_key(host):
            return
        login = replace(self.login(host), host_keys=(own,))
        with wait_until_answers(login, seconds=30):
            self.keys.forget_bootstrap(host.name, host.attempt)

    def _has_only_own_key(self, host: Host) -> bool:
        own = self.keys.pinned(host.name, host.attempt)
        return self.keys.host_keys(host.name, host.attempt) == (own,)

    def _first_boot(self, host: Host, connection: Connection, began: float) -> None:
        left = max(10, int(self.seconds - (self.clock() - began)))
        command = script(
            "wait for the first boot",
            _FIRST_BOOT,
            done=FIRST_BOOT_DONE,
            half_seconds=2 * left,
            failed=_FIRST_BOOT_FAILED,
            late=_FIRST_BOOT_LATE,
        )
        finished = connection.run(command, seconds=left + 30, check=False)
        match finished.status:
            case 0:
                return
            case status if status == _FIRST_BOOT_FAILED:
                what = "failed in its first boot"
            case status if status == _FIRST_BOOT_LATE:
                what = f"did not finish its first boot within {self.seconds:.0f} s"
            case status:
                what = f"can't say how its first boot went (status {status})"
        said = (finished.stdout + finished.stderr).decode(errors="replace").strip()
        raise StepFailed(
            f"{host.name} {what}. It says:\n{said}",
            next_step=f"`workshop host logs {host.name}`, or `workshop host replace {host.name}`",
        )

    def _machine(self, host: Host, connection: Connection, wanted: Hardware) -> _Machine:
        finished = connection.run(script("look at the hardware", _MACHINE), seconds=60)
        said = finished.stdout.decode(errors="replace")
        facts = [line.split(" ", 1) for line in said.splitlines() if " " in line]
        disk_gb = next((int(value) for key, value in facts if key == "disk" and value), 0)
        memory = next((int(value) for key, value in facts if key == "memory" and value), 0)
        gpus = tuple(value for key, value in facts if key == "gpu" and value)
        machine = next((value for key, value in facts if key == "machine"), "")
        if next((value for key, value in facts if key == "metadata"), "active") != "active":
            raise _lacks(host, "no firewall before the cloud's metadata (workshop-metadata)")
        if disk_gb < wanted.disk_gb * _USABLE:
            raise _lacks(host, f"a disk of {disk_gb} GB instead of {wanted.disk_gb} GB")
        if len(gpus) < wanted.gpus:
            why = next((value for key, value in facts if key == "nvidia-smi"), "")
            told = f"; nvidia-smi says: {why}" if why else ""
            raise _lacks(host, f"{len(gpus)} working GPUs instead of {wanted.gpus}{told}")
        return _Machine(disk_gb, gpus, architecture_named(machine), memory * 1024)


def architecture_named(machine: str) -> Architecture:
    """What `uname -m` says, in our words."""
    return _ARCHITECTURES.get(machine, "x86_64")


def _lacks(host: Host, what: str) -> StepFailed:
    return StepFailed(
        f"{host.name} ({host.type or host.id}) has {what}",
        next_step=f"`workshop host replace {host.name}`",
    )
