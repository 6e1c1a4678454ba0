"""The machines behind the instances of the tests' cloud, made of namespaces."""

from __future__ import annotations

from pathlib import Path

from tests.cloud.machines.behind_instances import MachinesBehindInstances
from tests.cloud.machines.hardware import hardware_files
from tests.cloud.machines.namespace_host import HostWish, NamespaceHost
from tests.cloud.machines.network import Network
from tests.cloud.machines.user_data import read_user_data
from tests.cloud.machines.yard import Yard
from tests.cloud.machines_protocol import MachineWish


class NamespaceMachines(MachinesBehindInstances[NamespaceHost]):
    """Implements `Machines`. Disks are not limited unless `disk_mb` says so; `image` as in Yard,
    `arm_image` what hosts with an Arm processor have besides."""

    def __init__(
        self,
        *,
        disk_mb: int | None = None,
        image: tuple[Path, ...] = (),
        arm_image: tuple[Path, ...] = (),
    ) -> None:
        super().__init__()
        self.yard = Yard(image=image)
        self._disk_mb = disk_mb
        self._arm_image = arm_image

    @property
    def network(self) -> Network:
        return self.yard.network

    def make(self, wish: MachineWish) -> NamespaceHost:
        """Raises: ValueError for user-data that the stand-in for cloud-init doesn't know."""
        return self.yard.make(
            HostWish(
                name=wish.instance_id,
                hostname=wish.hostname,
                first_boot=read_user_data(wish.user_data),
                authorized_keys=wish.authorized_keys,
                disk_mb=self._disk_mb,
                files=hardware_files(wish.architecture, wish.gpus),
                image=self._arm_image if wish.architecture == "arm64" else (),
            )
        )

    def close(self) -> None:
        self.yard.close()
