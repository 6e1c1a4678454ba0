"""The machines behind the instances of the tests' cloud, with a real init, under qemu."""

from __future__ import annotations

from tests.cloud.machines.behind_instances import MachinesBehindInstances
from tests.cloud.machines.network import Network
from tests.cloud.machines.qemu_disk import qemu_disk
from tests.cloud.machines.qemu_machine import QemuMachine
from tests.cloud.machines_protocol import MachineWish


class QemuMachines(MachinesBehindInstances[QemuMachine]):
    """Implements `Machines` with x86_64 machines; two at a time are enough."""

    def __init__(self) -> None:
        super().__init__()
        qemu_disk()
        self._network = Network()

    @property
    def network(self) -> Network:
        return self._network

    def make(self, wish: MachineWish) -> QemuMachine:
        return QemuMachine(wish, self._network)

    def close(self) -> None:
        try:
            for machine in list(self._machines.values()):
                machine.cut_power()
        finally:
            self._network.close()
