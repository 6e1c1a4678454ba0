"""Spot requests: RunInstances for the spot market makes one beside the instance.

It is `active` while the instance lives and `closed` after it, and can be tagged.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-request-status.html
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models.spot_requests import LaunchSpecification, SpotInstanceRequest
from moto.ec2.utils import random_spot_request_id

from tests.cloud.instance_life import CloudInstance


class RunInstancesRequest(SpotInstanceRequest):
    """moto's request would launch an instance of its own."""

    def __init__(self, backend: Any, instance: CloudInstance) -> None:
        self.ec2_backend = backend
        self.id = random_spot_request_id()
        self.instance = instance
        self.price = "0.100000"
        self.type = "one-time"
        self.valid_from = self.valid_until = None
        self.launch_group = self.availability_zone_group = None
        self.instance_interruption_behaviour = "terminate"
        self.user_data = None
        self.spot_fleet_id = self.launch_spec = None
        self.launch_specification = LaunchSpecification(
            kernel_id=None,
            ramdisk_id=None,
            image_id=instance.image_id,
            key_name=instance.key_name,
            instance_type=instance.instance_type,
            placement=instance.placement.zone,
            monitored=False,
            subnet_id=instance.subnet_id or "",
        )
        self._cancelled = False

    @property
    def state(self) -> str:  # type: ignore[override]
        if self.instance.state in ("shutting-down", "terminated"):
            return "closed"
        return "cancelled" if self._cancelled else "active"

    @property
    def _status_code(self) -> str:  # type: ignore[override]
        return "fulfilled" if self.state == "active" else "instance-terminated-by-user"

    @property
    def status_message(self) -> str:  # type: ignore[override]
        return ""

    def cancel(self) -> None:
        """The instance goes on. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-requests.html"""
        self._cancelled = True


def add_request(backend: Any, instance: CloudInstance, tags: dict[str, str]) -> None:
    request = RunInstancesRequest(backend, instance)
    request.add_tags(tags)
    backend.spot_instance_requests[request.id] = request
    instance.spot_instance_request_id = request.id
