"""A fresh account for each test, and clients that never repeat a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.cloud.fixtures import cloud, cloud_server

if TYPE_CHECKING:
    from tests.cloud.cloud import Cloud

__all__ = ["cloud", "cloud_server"]

#: Clients by service: making one takes long, and the address stays the same in a process.
_CLIENTS: dict[tuple[str, str], Any] = {}


@pytest.fixture
def client(cloud: Cloud) -> Callable[[str], Any]:
    """A boto3 client for a service, in us-east-1."""

    def make(service: str) -> Any:
        if (cloud.endpoint, service) not in _CLIENTS:
            _CLIENTS[cloud.endpoint, service] = boto3.client(
                service,
                region_name="us-east-1",
                config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
            )
        return _CLIENTS[cloud.endpoint, service]

    return make


@pytest.fixture
def ec2(client: Callable[[str], Any]) -> Any:
    return client("ec2")


@pytest.fixture
def launch(ec2: Any) -> Callable[..., list[str]]:
    """RunInstances with defaults for everything that a test doesn't care about."""
    from tests.cloud.images import parameter_values

    images = parameter_values("us-east-1")

    def run(**parameters: Any) -> list[str]:
        image = next(images[name] for name in images if "24.04" in name and "amd64" in name)
        asked = {
            "ImageId": image,
            "InstanceType": "t3.large",
            "MinCount": 1,
            "MaxCount": 1,
            **parameters,
        }
        return [one["InstanceId"] for one in ec2.run_instances(**asked)["Instances"]]

    return run


@pytest.fixture
def code_of() -> Callable[..., str]:
    """The AWS error code that a call is refused with."""

    def code(call: Callable[..., Any], **parameters: Any) -> str:
        with pytest.raises(ClientError) as refused:
            call(**parameters)
        return str(refused.value.response["Error"]["Code"])

    return code


@pytest.fixture
def describe(ec2: Any) -> Callable[[str], dict[str, Any]]:
    def one(instance_id: str) -> dict[str, Any]:
        found = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
        return dict(found[0]["Instances"][0])

    return one


@pytest.fixture
def slow(cloud: Cloud) -> Cloud:
    """The cloud, where states last until a test advances the clock."""
    for name in ("pending", "shutting_down", "stopping", "initializing"):
        setattr(cloud.settings, f"{name}_seconds", 60)
    return cloud
