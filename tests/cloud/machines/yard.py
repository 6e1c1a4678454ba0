"""A network full of namespace hosts, with and without the cloud of the tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.cloud.machines.commands import run
from tests.cloud.machines.debian import debian
from tests.cloud.machines.namespace_host import HostWish, NamespaceHost
from tests.cloud.machines.network import Network
from tests.cloud.machines.stand_ins import install_stand_ins
from tests.cloud.machines.user_data import read_user_data
from tests.cloud.machines_protocol import Addresses


class Yard:
    """Makes hosts and takes everything away at the end, whatever happened to them.

    `image`: folders that lie over the system of every host, as an image of one's own would.
    """

    def __init__(self, *, image: tuple[Path, ...] = ()) -> None:
        system = debian()
        self.network = Network()
        self._layer = self.network.folder / "stand-ins"
        install_stand_ins(self._layer)
        _number_accounts_apart(system, self._layer)
        self._layers = (self._layer, *image, system)
        self._hosts: list[NamespaceHost] = []

    def make(self, wish: HostWish) -> NamespaceHost:
        """A host that is off, with a private address of its own. Its name must be new here."""
        host = NamespaceHost(wish, self.network, self._layers)
        self._hosts.append(host)
        return host

    def close(self) -> None:
        try:
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(NamespaceHost.cut_power, self._hosts))
        finally:
            self.network.close()

    def __enter__(self) -> Yard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _number_accounts_apart(system: Path, layer: Path) -> None:
    """Hosts share this computer's numbers of users: whoever ends all processes of an account
    here must not end those of an account in a host."""
    defaults = (system / "etc/login.defs").read_text()
    apart = re.sub(r"(?m)^([UG]ID_MIN)\s.*$", r"\1 40000", defaults)
    (layer / "etc").mkdir(exist_ok=True)
    (layer / "etc/login.defs").write_text(apart)


@dataclass(frozen=True)
class PlainHost:
    """A host that is up, and what it takes to log in as `ubuntu` on port 22."""

    machine: NamespaceHost
    addresses: Addresses
    key_file: Path
    #: "ssh-ed25519 AAAA...", without a comment.
    host_key: str


@contextmanager
def namespace_hosts(
    count: int, *, disk_mb: int | None = None, yard: Yard | None = None, prefix: str = "host"
) -> Iterator[tuple[PlainHost, ...]]:
    """`count` hosts that answer SSH, named PREFIX-01 and so on; they end with the block.

    `disk_mb` limits the disk of each (in memory). Several blocks may share a yard: its hosts
    reach each other by their private addresses.
    """
    if yard is None:
        with (
            Yard() as own,
            namespace_hosts(count, disk_mb=disk_mb, yard=own, prefix=prefix) as ready,
        ):
            yield ready
        return
    key_file = yard.network.folder / f"{prefix}-key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key_file))
    public_key = key_file.with_suffix(".pub").read_text().strip()
    wishes = [
        HostWish(f"{prefix}-{number:02}", read_user_data(b""), (public_key,), disk_mb)
        for number in range(1, count + 1)
    ]
    hosts = [yard.make(wish) for wish in wishes]
    try:
        yield tuple(_started(host, key_file) for host in _all_up(hosts))
    finally:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(NamespaceHost.cut_power, hosts))


def _all_up(hosts: list[NamespaceHost]) -> list[NamespaceHost]:
    for host in hosts:
        host.power_on()
    for host in hosts:
        host.wait("up", seconds=60)
    return hosts


def _started(host: NamespaceHost, key_file: Path) -> PlainHost:
    return PlainHost(host, host.addresses, key_file, host.host_key)
