"""An AWS account on a loopback port that behaves: moto's server, corrected, with faults.

with Cloud() as cloud:
    monkeypatch the environment with cloud.environment(); then boto3 or a subprocess meets it.
"""

from __future__ import annotations

import copy
import itertools
import os
import threading
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Self

from moto.ec2.models import ec2_backends
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from tests.cloud.api_call import Call
from tests.cloud.call_log import CallLog, UnderWay
from tests.cloud.faults import Faults
from tests.cloud.front import Front
from tests.cloud.instance_life import BY_SPOT, CloudInstance
from tests.cloud.inventory import Left, left_in
from tests.cloud.machines_protocol import Machines, OpenPort
from tests.cloud.moto_speed import remember
from tests.cloud.open_ports import ports_of
from tests.cloud.region import Region
from tests.cloud.settings import Settings
from tests.cloud.workplace import Workplace

_ACCOUNTS = itertools.count(100_000_000_001)
#: A request whose client is gone has so long to end before the account changes below it.
_SETTLED_SECONDS = 10


@dataclass(frozen=True)
class Snapshot:
    """An account at one moment of its own time."""

    regions: dict[str, Region]
    time: float


class Cloud:
    """One account at a time; `reset` gives a fresh one at the same address.

    `settings`, `faults` and `calls` may be changed and read at any time, from any thread.
    """

    def __init__(
        self, *, machines: Machines | None = None, settings: Settings | None = None
    ) -> None:
        self.machines = machines
        self.access_key = "AKIAWORKSHOPTESTS001"
        self.faults = Faults()
        self.calls = CallLog()
        self.under_way = UnderWay()
        #: Moto is not made for many threads: one call at a time is worked on.
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self._server: BaseWSGIServer | None = None
        self._regions: dict[str, Region] = {}
        self._begin(settings or Settings())

    @property
    def endpoint(self) -> str:
        if self._server is None:
            raise RuntimeError("the cloud is served inside of `with Cloud() as cloud:` only")
        return f"http://127.0.0.1:{self._server.server_port}"

    def environment(self) -> dict[str, str]:
        """Variables that lead every AWS client here, and away from any real account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": "not-a-secret-at-all",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1",
        }

    def reset(self, settings: Settings | None = None) -> None:
        """A fresh account: nothing in it, no faults, no calls, these or default settings."""
        self.under_way.wait(_SETTLED_SECONDS)
        with self.lock:
            self._end()
            self.faults.clear()
            self.calls.clear()
            self._begin(settings or Settings())

    def snapshot(self) -> Snapshot:
        """The account as it is now, to go back to as often as one likes. Without machines only."""
        if self.machines is not None:
            raise ValueError("machines can't be copied")
        self.under_way.wait(_SETTLED_SECONDS)
        with self.lock:
            return Snapshot(copy.deepcopy(self._regions), self.place.now())

    def restore(self, snapshot: Snapshot) -> None:
        """Make the account what it was, at that time; faults, calls and settings stay."""
        self.under_way.wait(_SETTLED_SECONDS)
        with self.lock:
            self._regions = copy.deepcopy(snapshot.regions)
            self.place.advance(snapshot.time - self.place.now())
            for name, region in self._regions.items():
                ec2_backends[self.account][name] = region.backend

    def advance(self, seconds: float) -> None:
        """Let time pass in the cloud without waiting."""
        self.place.advance(seconds)

    def inventory(self) -> tuple[Left, ...]:
        """What is left in all regions, seen past the API."""
        with self.lock:
            self.settle()
            return tuple(left for region in self._regions.values() for left in left_in(region))

    def instances(self) -> list[CloudInstance]:
        """All instances of all regions, also terminated ones."""
        with self.lock:
            self.settle()
            return [one for region in self._regions.values() for one in region.instances()]

    def power_off(self, instance_id: str) -> None:
        """As if the machine had shut itself down, where there is no machine."""
        with self.lock:
            self._instance(instance_id).life.powered_off = True

    def interrupt(self, instance_id: str) -> None:
        """AWS takes a spot instance back.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-interruptions.html
        """
        with self.lock:
            self._instance(instance_id).begin_termination(BY_SPOT)

    # For the front, with the lock held.

    def region(self, name: str) -> Region:
        if name not in self._regions:
            self._regions[name] = Region(self.account, name, self.place)
        return self._regions[name]

    def settle(self, *, changed: bool = False) -> None:
        """Let everything happen that is due; tell machines of changed rules."""
        for region in self._regions.values():
            region.settle()
            if self.machines is not None:
                self._tell_ports(region)

    def with_facts(self, call: Call) -> Call:
        """The call with its zone and market, for faults that ask for them."""
        if call.action != "RunInstances":
            return call
        with self.lock:
            subnets = self.region(call.region).backend.subnets
        zones = {subnet.id: zone for zone, group in subnets.items() for subnet in group.values()}
        subnet = call.get("SubnetId") or call.get("NetworkInterface.1.SubnetId")
        zone = call.get("Placement.AvailabilityZone") or zones.get(subnet, "")
        market = call.get("InstanceMarketOptions.MarketType") or "on-demand"
        return replace(call, facts={**call.facts, "zone": zone, "market": market})

    def _instance(self, instance_id: str) -> CloudInstance:
        return next(one for one in self.instances() if one.id == instance_id)

    def _tell_ports(self, region: Region) -> None:
        for instance in region.instances():
            if instance.state not in ("pending", "running"):
                continue
            ports = ports_of(region, instance)
            if self._told.get(instance.id) != ports:
                self._told[instance.id] = ports
                self.place.run(instance.id, partial(self._open_ports, instance.id, ports))

    def _open_ports(self, instance_id: str, ports: tuple[OpenPort, ...]) -> None:
        """Tell a machine of its rules, unless they have changed again since it was to be told."""
        if self.machines is not None and self._told.get(instance_id) is ports:
            self.machines.open_ports(instance_id, ports)

    def _begin(self, settings: Settings) -> None:
        self.settings = settings
        self.account = str(next(_ACCOUNTS))
        self.place = Workplace(settings, self.machines)
        self._regions = {}
        self._told: dict[str, tuple[OpenPort, ...]] = {}

    def _end(self) -> None:
        for region in self._regions.values():
            for instance in region.instances():
                if self.machines is not None and instance.state != "terminated":
                    instance.begin_termination(BY_SPOT)
        self.place.close()
        ec2_backends.pop(self.account, None)

    def __enter__(self) -> Self:
        remember()
        self._server = make_server(
            "127.0.0.1", 0, Front(self), threaded=True, request_handler=_Quiet
        )
        serve = partial(self._server.serve_forever, poll_interval=0.02)
        threading.Thread(target=serve, daemon=True, name="cloud").start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        with self.lock:
            self._end()
        if self.machines is not None:
            self.machines.close()


class _Quiet(WSGIRequestHandler):
    """The log of calls says more than lines on the terminal."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return
