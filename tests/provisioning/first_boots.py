"""Hosts that boot with our user-data, and that nobody has met yet: real sshd, no cloud."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from provisioning.fleet import Address, Host
from provisioning.fleet_state import FleetState
from provisioning.providers.ec2.user_data import FirstBoot, user_data
from provisioning.readiness import Threshold
from provisioning.ssh.keys import KeyPair
from tests.cloud.machines.hardware import hardware_files
from tests.cloud.machines.namespace_host import HostWish, NamespaceHost
from tests.cloud.machines.user_data import read_user_data
from tests.cloud.machines.yard import Yard
from tests.cloud.machines_protocol import Gpu


@dataclass(frozen=True)
class Newcomer:
    """A machine, the place it is in, and the host key that its user-data gave it."""

    machine: NamespaceHost
    name: str
    bootstrap: KeyPair

    @property
    def host(self) -> Host:
        """As a provider would tell of it now."""
        address = Address(self.machine.addresses.public)
        return Host(self.name, "gpu", "running", address, id=f"i-{self.name}", type="g4dn.xlarge")

    def power_cycle(self) -> None:
        """The plug is pulled, and in again; its disk stays, its address changes."""
        self.machine.cut_power()
        self.machine.power_on()
        self.machine.wait("up", seconds=60)


@dataclass(frozen=True)
class Newcomers:
    """Their names lead to them; `state` is what our computer knows of them."""

    state: FleetState
    of: dict[str, Newcomer]

    def threshold(self, *, seconds: float = 60) -> Threshold:
        return Threshold(self.state, self.state.key_file, seconds=seconds)


@dataclass(frozen=True)
class Wish:
    """A host as it shall come up. `more` is appended to the user-data's last command."""

    name: str
    gpus: int = 0
    disk_mb: int | None = None
    more: str = ""


@contextmanager
def newcomers(yard: Yard, folder: Path, wishes: Sequence[Wish]) -> Iterator[Newcomers]:
    """They boot at once and are up when the block begins; with it they end."""
    state = FleetState(folder)
    found = {wish.name: _newcomer(yard, state, wish) for wish in wishes}
    try:
        for one in found.values():
            one.machine.power_on()
        for one in found.values():
            one.machine.wait("up", seconds=60)
        yield Newcomers(state, found)
    finally:
        for one in found.values():
            one.machine.throw_away()


def _newcomer(yard: Yard, state: FleetState, wish: Wish) -> Newcomer:
    key = state.ensure_bootstrap(wish.name, 1)
    deadline = datetime.now(UTC) + timedelta(hours=2)
    text = user_data(FirstBoot(wish.name, key.private, key.public, deadline))
    machine = yard.make(
        HostWish(
            name=wish.name,
            first_boot=read_user_data((text + wish.more).encode()),
            authorized_keys=(state.ensure_key(),),
            disk_mb=wish.disk_mb,
            files=hardware_files("x86_64", (Gpu("Tesla T4", 16_384),) * wish.gpus),
        )
    )
    return Newcomer(machine, wish.name, key)
