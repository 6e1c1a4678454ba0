"""Machines named by instances of the tests' cloud, whatever they are made of."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from tests.cloud.machines.machine import Machine
from tests.cloud.machines.network import Network
from tests.cloud.machines_protocol import Addresses, MachineState, MachineWish, OpenPort

M = TypeVar("M", bound=Machine)


class MachinesBehindInstances(ABC, Generic[M]):
    """Implements `Machines`, except for how one is made."""

    def __init__(self) -> None:
        self._machines: dict[str, M] = {}
        self._changing = threading.Lock()

    @property
    @abstractmethod
    def network(self) -> Network: ...

    @abstractmethod
    def make(self, wish: MachineWish) -> M:
        """A machine that is off."""

    @property
    def controller(self) -> str:
        """The address of this computer, as the machines see it."""
        return self.network.controller

    def host(self, instance_id: str) -> M:
        """The machine of an instance, for tests that make it trouble."""
        return self._machines[instance_id]

    def boot(self, wish: MachineWish) -> Addresses:
        machine = self.make(wish)
        with self._changing:
            self._machines[wish.instance_id] = machine
        return machine.power_on()

    def state(self, instance_id: str) -> MachineState:
        machine = self._machines.get(instance_id)
        return machine.state if machine else "off"

    def stop(self, instance_id: str) -> None:
        machine = self._machines[instance_id]
        if machine.state == "up":
            machine.power_off()
        else:
            machine.cut_power()

    def start(self, instance_id: str) -> Addresses:
        return self._machines[instance_id].power_on()

    def reboot(self, instance_id: str) -> None:
        self._machines[instance_id].reboot()

    def terminate(self, instance_id: str) -> None:
        with self._changing:
            machine = self._machines.pop(instance_id, None)
        if machine:
            machine.throw_away()

    def console(self, instance_id: str) -> str:
        machine = self._machines.get(instance_id)
        return machine.console() if machine else ""

    def open_ports(self, instance_id: str, ports: tuple[OpenPort, ...]) -> None:
        machine = self._machines.get(instance_id)
        if machine:
            machine.open_ports(ports)

    @abstractmethod
    def close(self) -> None: ...
