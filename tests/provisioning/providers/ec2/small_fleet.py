"""The workshop that verbs are killed and troubled with: every kind of thing, but few of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from provisioning.fleet import Fleet
from provisioning.fleet_state import FleetState
from provisioning.forgetting import forget_secrets
from provisioning.hosts_spec import Ec2HostsSpec
from provisioning.places import wanted_hosts
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.order import Ec2Order, Surroundings
from provisioning.providers.ec2.provider import Ec2Provider
from provisioning.providers.protocol import Launched

Verb = Literal["up", "replace", "down"]

#: A hub on demand and two spot hosts.
HOSTS = Ec2HostsSpec.model_validate(
    {
        "provider": "ec2",
        "region": "us-east-1",
        "access": ("203.0.113.7/32",),
        "gpu": {"count": 2, "types": ("g4dn.xlarge", "g5.xlarge"), "market": "spot"},
    }
)
#: How many there are of each kind when it is up.
COMPLETE: Mapping[str, int] = {
    "instance": 3,
    "volume": 3,
    "network-interface": 3,
    "security-group": 2,
    "key-pair": 1,
    "spot-request": 2,
}
REPLACED = "gpu-02"


def small_provider(folder: Path, aws: Aws, around: Surroundings) -> Ec2Provider:
    """As a new process makes it: nothing is shared but the folder."""
    return Ec2Provider(Ec2Order("nlp", HOSTS, 8000, "5e3c"), FleetState(folder), aws, around)


def act(verb: Verb, provider: Ec2Provider, folder: Path) -> Launched:
    """Do what the command does with the cloud. Raises what the provider raises."""
    wanted = wanted_hosts(HOSTS)
    match verb:
        case "up":
            return provider.ensure(wanted, _quiet)
        case "replace":
            place = next(one for one in wanted if one.name == REPLACED)
            return Launched(Fleet("nlp", (provider.replace(place, _quiet),)))
        case "down":
            provider.down(_quiet)
            forget_secrets(FleetState(folder))
            return Launched(Fleet("nlp"))


def _quiet(who: str, done: int, total: int, step: str) -> None:
    return
