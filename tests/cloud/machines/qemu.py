"""The machines behind the instances of the tests' cloud, with a real init, under qemu."""

from __future__ import annotations

from pathlib import Path

from tests.cloud.machines.behind_instances import MachinesBehindInstances
from tests.cloud.machines.network import Network
from tests.cloud.machines.qemu_disk import qemu_disk
from tests.cloud.machines.qemu_machine import MEMORY_MB, Build, QemuMachine
from tests.cloud.machines_protocol import MachineWish


class QemuMachines(MachinesBehindInstances[QemuMachine]):
    """Implements `Machines` with x86_64 machines; two at a time are enough.

    `image`: folders that lie over the system of each, as an image of one's own would.
    """

    def __init__(self, *, image: tuple[Path, ...] = (), memory_mb: int = MEMORY_MB) -> None:
        super().__init__()
        self._build = Build(qemu_disk(image), memory_mb)
        self._network = Network()

    @property
    def network(self) -> Network:
        return self._network

    def make(self, wish: MachineWish) -> QemuMachine:
        return QemuMachine(wish, self._network, self._build)

    def close(self) -> None:
        try:
            for machine in list(self._machines.values()):
                machine.cut_power()
        finally:
            self._network.close()
