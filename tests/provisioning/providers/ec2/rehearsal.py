"""A small workshop on the test cloud, in the cloud's own time: waiting costs nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from provisioning.fleet import Host, WantedHost
from provisioning.fleet_state import FleetState
from provisioning.hosts_spec import Ec2HostsSpec
from provisioning.journal import Journal
from provisioning.places import wanted_hosts
from provisioning.providers.ec2.order import Ec2Order, Surroundings
from provisioning.providers.ec2.provider import Ec2Provider
from provisioning.providers.ec2.teardown import Patience
from provisioning.providers.protocol import Launched
from tests.cloud.call_log import Logged
from tests.cloud.cloud import Cloud
from tests.cloud.instance_life import CloudInstance
from tests.provisioning.providers.ec2.things import Time, account

HOME = "203.0.113.7/32"


def spec(**changes: Any) -> Ec2HostsSpec:
    """A hub and a GPU host on demand, reached from one address."""
    told = {"provider": "ec2", "region": "us-east-1", "access": (HOME,), "gpu": {"count": 1}}
    return Ec2HostsSpec.model_validate(told | changes)


def no_hub(hosts: Ec2HostsSpec) -> tuple[WantedHost, ...]:
    return tuple(one for one in wanted_hosts(hosts) if one.role != "hub")


@dataclass
class Rehearsal:
    """`provider()` is what a new process would make: it shares nothing but the state folder."""

    cloud: Cloud
    state: FleetState
    hosts: Ec2HostsSpec = field(default_factory=spec)
    spec_hash: str = "5e3c"
    boot_seconds: float = 100
    my_address: Callable[[], str] = lambda: "203.0.113.99"
    #: Steps that were told, as (who, step).
    told: list[tuple[str, str]] = field(default_factory=list)

    @property
    def time(self) -> Time:
        return Time(self.cloud)

    def provider(self) -> Ec2Provider:
        around = Surroundings(
            clock=self.time.utc,
            pace=replace(self.time.pace, sleep=self._sleep, boot_seconds=self.boot_seconds),
            teardown=Patience(),
            my_address=self.my_address,
        )
        order = Ec2Order("nlp", self.hosts, 8000, self.spec_hash)
        return Ec2Provider(order, self.state, account(self.cloud.endpoint), around)

    def _sleep(self, seconds: float) -> None:
        """In the cloud's time; of ours only so much that the other threads get on."""
        self.cloud.advance(seconds)
        time.sleep(0.01)

    def up(self, wanted: tuple[WantedHost, ...] | None = None) -> Launched:
        places = wanted_hosts(self.hosts) if wanted is None else wanted
        return self.provider().ensure(places, self.tell)

    def place(self, name: str) -> WantedHost:
        return next(one for one in wanted_hosts(self.hosts) if one.name == name)

    def host(self, name: str) -> Host:
        found = self.provider().observe().host(name)
        assert found is not None
        return found

    def tell(self, who: str, done: int, total: int, step: str) -> None:
        assert 0 <= done <= total
        self.told.append((who, step))

    def journal(self) -> Journal:
        return Journal(self.state.folder / "journal.jsonl", clock=self.time.utc)

    def alive(self) -> dict[str, list[CloudInstance]]:
        """What exists behind the API, by place: also what listings don't show yet."""
        found: dict[str, list[CloudInstance]] = {}
        for one in self.cloud.instances():
            if one.state not in ("shutting-down", "terminated"):
                found.setdefault(tag(one, "workshop:host"), []).append(one)
        return found

    def orders(self, place: str | None = None) -> list[Logged]:
        """The RunInstances calls that arrived, of one place or all."""
        calls = self.cloud.calls.of("RunInstances")
        return [one for one in calls if place in (None, one.call.get("tag:workshop:host"))]

    def mutations(self) -> list[str]:
        reads = ("Describe", "Get", "List")
        return [action for action in self.cloud.calls.actions() if not action.startswith(reads)]

    def later(self, **duration: float) -> None:
        self.cloud.advance(timedelta(**duration).total_seconds())


def tag(instance: CloudInstance, key: str) -> str:
    found = (str(one["value"]) for one in instance.get_tags() if one["key"] == key)
    return next(found, "")
