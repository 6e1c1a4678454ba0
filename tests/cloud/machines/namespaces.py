"""The machines behind the instances of the tests' cloud, made of namespaces."""

from __future__ import annotations

import threading

from tests.cloud.machines.hardware import hardware_files
from tests.cloud.machines.namespace_host import HostWish, NamespaceHost
from tests.cloud.machines.user_data import read_user_data
from tests.cloud.machines.yard import Yard
from tests.cloud.machines_protocol import Addresses, MachineState, MachineWish, OpenPort


class NamespaceMachines:
    """Implements `Machines`. Disks are not limited unless `disk_mb` says so."""

    def __init__(self, *, disk_mb: int | None = None) -> None:
        self.yard = Yard()
        self._disk_mb = disk_mb
        self._hosts: dict[str, NamespaceHost] = {}
        self._changing = threading.Lock()

    @property
    def controller(self) -> str:
        """The address of this computer, as the machines see it."""
        return self.yard.network.controller

    def host(self, instance_id: str) -> NamespaceHost:
        """The machine of an instance, for tests that make it trouble."""
        return self._hosts[instance_id]

    def boot(self, wish: MachineWish) -> Addresses:
        """Raises: ValueError for user-data that the stand-in for cloud-init doesn't know."""
        host = self.yard.make(
            HostWish(
                name=wish.instance_id,
                hostname=wish.hostname,
                first_boot=read_user_data(wish.user_data),
                authorized_keys=wish.authorized_keys,
                disk_mb=self._disk_mb,
                files=hardware_files(wish.architecture, wish.gpus),
            )
        )
        with self._changing:
            self._hosts[wish.instance_id] = host
        return host.power_on()

    def state(self, instance_id: str) -> MachineState:
        host = self._hosts.get(instance_id)
        return host.state if host else "off"

    def stop(self, instance_id: str) -> None:
        host = self._hosts[instance_id]
        if host.state == "up":
            host.power_off()
        else:
            host.cut_power()

    def start(self, instance_id: str) -> Addresses:
        return self._hosts[instance_id].power_on()

    def reboot(self, instance_id: str) -> None:
        self._hosts[instance_id].reboot()

    def terminate(self, instance_id: str) -> None:
        with self._changing:
            host = self._hosts.pop(instance_id, None)
        if host:
            host.throw_away()

    def console(self, instance_id: str) -> str:
        host = self._hosts.get(instance_id)
        return host.console() if host else ""

    def open_ports(self, instance_id: str, ports: tuple[OpenPort, ...]) -> None:
        host = self._hosts.get(instance_id)
        if host:
            host.open_ports(ports)

    def close(self) -> None:
        self.yard.close()
