"""The ways that are compared: SFTP to one host after the other, and ships."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import paramiko

from provisioning.environments.shipping.hosts import ShipHost
from provisioning.environments.shipping.outcome import Shipped
from provisioning.environments.shipping.ship import ShipOptions, ship
from provisioning.fleet import Address
from provisioning.ssh.login import Login
from tests.cloud.machines import trouble
from tests.cloud.machines.yard import PlainHost

MOST_SECONDS = 300.0


def sequential_sftp(archive: Path, hosts: Sequence[PlainHost]) -> float:
    """Seconds until the last host has the archive: what a loop over hosts does."""
    began = time.monotonic()
    for host in hosts:
        client = paramiko.SSHClient()
        entry = client.get_host_keys()
        kind, blob = host.host_key.split()
        key = paramiko.Ed25519Key(data=base64.b64decode(blob))
        entry.add(host.addresses.public, kind, key)
        with client:
            client.connect(
                host.addresses.public, username="ubuntu", key_filename=str(host.key_file)
            )
            with client.open_sftp() as sftp:
                sftp.put(str(archive), f"/home/ubuntu/{archive.name}")
    return time.monotonic() - began


def shipped(archive: Path, hosts: Sequence[PlainHost], *, install: bool = False) -> Shipped:
    """A ship that must reach every host."""
    done = ship(archive, _ship_hosts(hosts), options=_options(install))
    if done.lacking:
        problem = done.outcomes[done.lacking[0]].problem
        raise RuntimeError(f"{done.lacking} didn't get it: {problem}")
    return done


def shipped_with_a_death(archive: Path, hosts: Sequence[PlainHost], size: int) -> float:
    """Seconds until every host but one has it; that one loses its power in the middle."""
    victim = hosts[len(hosts) // 2]
    with _Death(victim, size // 2):
        done = ship(archive, _ship_hosts(hosts), options=_options(False))
    if done.lacking != (victim.machine.wish.name,):
        raise RuntimeError(f"{done.lacking} didn't get it, and {victim.machine.wish.name} died")
    victim.machine.power_on()
    victim.machine.wait("up", seconds=60)
    return received(done)


def received(done: Shipped) -> float:
    """Seconds until the last host had the whole archive, checked."""
    return max(each.received_after or 0.0 for each in done.outcomes.values())


def in_use(done: Shipped) -> float:
    """Seconds until the last host had it unpacked, tried and in use."""
    return max(each.done_after or 0.0 for each in done.outcomes.values())


class _Death:
    """Pulls a host's plug when so many bytes have gone to it."""

    def __init__(self, victim: PlainHost, after: int) -> None:
        self._victim = victim
        self._after = after
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        counter = Path(f"/sys/class/net/{self._victim.machine.interface}/statistics/tx_bytes")
        until = int(counter.read_text()) + self._after
        while int(counter.read_text()) < until:
            if self._ended.wait(0.01):
                return
        trouble.kill(self._victim.machine)


def _ship_hosts(hosts: Sequence[PlainHost]) -> dict[str, ShipHost]:
    return {
        host.machine.wish.name: ShipHost(
            Login(Address(host.machine.addresses.public), host.key_file, (host.host_key,)),
            host.addresses.private,
        )
        for host in hosts
    }


def _options(install: bool) -> ShipOptions:
    return ShipOptions(seconds=MOST_SECONDS, install=install)


def clean(hosts: Sequence[PlainHost]) -> None:
    """Nothing of a run stays on the hosts."""
    for host in hosts:
        host.machine.inside("rm -rf /opt/workshop /home/ubuntu/bench-*")
