"""Programs that a host lacks are installed by its own apt-get, or named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub_config.hub_host.packages import ARM_LAB, SEAT_HOST, ensure_programs
from provisioning.errors import StepFailed
from provisioning.fleet import Address
from provisioning.ssh.connection import Connection, connect
from provisioning.ssh.login import Login
from tests.cloud.machines.package_mirror import package_mirror
from tests.cloud.machines.yard import Yard, namespace_hosts


@pytest.fixture(scope="module")
def host() -> Iterator[Connection]:
    with (
        Yard(image=(package_mirror(*ARM_LAB.values()),)) as yard,
        namespace_hosts(1, yard=yard, prefix="lacking") as (host,),
        connect(
            Login(Address(host.addresses.public), host.key_file, (host.host_key,)), seconds=20
        ) as connection,
    ):
        yield connection


def test_what_is_missing_is_installed_once(host: Connection) -> None:
    here = "command -v aarch64-linux-gnu-ld"
    assert host.run(here, seconds=20, check=False).status != 0
    ensure_programs(host, {**SEAT_HOST, **ARM_LAB})
    said = host.run("aarch64-linux-gnu-ld --version", seconds=20).stdout
    assert said.startswith(b"GNU ld")
    host.run("mv /usr/bin/apt-get /usr/bin/apt-get-away", seconds=20)
    ensure_programs(host, {**SEAT_HOST, **ARM_LAB})  # it isn't asked again
    host.run("mv /usr/bin/apt-get-away /usr/bin/apt-get", seconds=20)


def test_what_cannot_be_installed_is_named_with_what_apt_says(host: Connection) -> None:
    with pytest.raises(StepFailed, match=r"lacks no-package.*Unable to locate") as caught:
        ensure_programs(host, {"no-program": "no-package"})
    assert "package mirror" in caught.value.next_step
