"""The ways that are compared: SFTP to one host after the other, and ships."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
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
#: Columns of /proc/net/dev: bytes.
_RECEIVED, _SENT = 0, 8


def sequential_sftp(archive: Path, hosts: Sequence[PlainHost]) -> float:
    """Seconds until the last host has the archive: what a loop over hosts does."""
    began = time.monotonic()
    for host in hosts:
        # A host that lost its power in the round before has another public address now.
        address = host.machine.addresses.public
        kind, blob = host.host_key.split()
        client = paramiko.SSHClient()
        key = paramiko.Ed25519Key(data=base64.b64decode(blob))
        client.get_host_keys().add(address, kind, key)
        with client:
            client.connect(address, username="ubuntu", key_filename=str(host.key_file))
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
    with Death(hosts, size // 2) as death:
        # Nobody waits for a dead host but the end of the ship: 5 s of silence are enough here.
        options = replace(_options(False), silence=5)
        done = ship(archive, _ship_hosts(hosts), options=options)
    if death.victim is None or done.lacking != (death.victim.machine.wish.name,):
        raise RuntimeError(f"{done.lacking} didn't get it, and {death.victim} died")
    death.victim.machine.power_on()
    death.victim.machine.wait("up", seconds=60)
    return received(done)


def received(done: Shipped) -> float:
    """Seconds until the last host had the whole archive, checked."""
    return max(each.received_after or 0.0 for each in done.outcomes.values())


def in_use(done: Shipped) -> float:
    """Seconds until the last host had it unpacked, tried and in use."""
    return max(each.done_after or 0.0 for each in done.outcomes.values())


class Death:
    """Pulls the plug of a host that others depend on, when so many bytes have come to it."""

    def __init__(self, hosts: Sequence[PlainHost], after: int) -> None:
        self.victim: PlainHost | None = None
        self._hosts = hosts
        self._after = after
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Death:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        before = _carried()
        while not self._ended.wait(0.01):
            now = _carried()
            for host in self._hosts:
                came, went = now[host.machine.interface]
                came_before, went_before = before[host.machine.interface]
                # The last host of a chain gives nothing to anybody.
                if came - came_before > self._after and went - went_before > self._after // 2:
                    self.victim = host
                    trouble.kill(host.machine)
                    return


def _carried() -> dict[str, tuple[int, int]]:
    """Bytes that came to each host and that went from it, by our ends of their cables."""
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    counters = {
        name.strip(): line.split() for name, _, line in (each.partition(":") for each in lines)
    }
    return {name: (int(each[_SENT]), int(each[_RECEIVED])) for name, each in counters.items()}


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
