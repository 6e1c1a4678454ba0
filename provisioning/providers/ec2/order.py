"""What a workshop asks of EC2, and what the code asks of its surroundings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from provisioning.hosts_spec import Ec2HostsSpec
from provisioning.journal import utc_now
from provisioning.providers.ec2.access import my_address
from provisioning.providers.ec2.pace import Pace
from provisioning.providers.ec2.teardown import Patience


@dataclass(frozen=True)
class Ec2Order:
    """The spec's part. `spec_hash` changes with everything that hosts are made from."""

    workshop: str
    hosts: Ec2HostsSpec
    hub_port: int
    spec_hash: str


@dataclass(frozen=True)
class Surroundings:
    """The time, how long to wait for what, and who knows this computer's address."""

    clock: Callable[[], datetime] = utc_now
    pace: Pace = field(default_factory=Pace)
    teardown: Patience = field(default_factory=Patience)
    my_address: Callable[[], str] = my_address
