"""Hosts for the tests of the machines themselves, and ways to talk to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from provisioning.fleet import Address
from provisioning.ssh.connection import Connection, connect
from provisioning.ssh.login import Login
from tests.cloud.machines.yard import PlainHost, Yard, namespace_hosts

if TYPE_CHECKING:  # moto is slow to import
    from tests.cloud.cloud import Cloud


@pytest.fixture(scope="session")
def yard() -> Iterator[Yard]:
    with Yard() as open_yard:
        yield open_yard


@pytest.fixture(scope="module")
def pair(yard: Yard, request: pytest.FixtureRequest) -> Iterator[tuple[PlainHost, ...]]:
    """Two hosts of a module's own. A test that breaks one mends it."""
    name = request.module.__name__.rpartition(".")[2].replace("_", "-")
    with namespace_hosts(2, yard=yard, prefix=name) as hosts:
        yield hosts


@pytest.fixture
def ec2(cloud: Cloud) -> Any:
    """A patient client: machines that boot keep this computer busy."""
    patient = Config(retries={"total_max_attempts": 1}, read_timeout=60)
    return boto3.client("ec2", region_name="us-east-1", config=patient)


@pytest.fixture
def log_in() -> Callable[..., Connection]:
    """Log in to where the host is now; it must show its present key, or the one given."""

    def open_connection(host: PlainHost, *, host_key: str = "") -> Connection:
        address = Address(host.machine.addresses.public)
        keys = (host_key or host.machine.host_key,)
        return connect(Login(address, host.key_file, keys), seconds=30)

    return open_connection
