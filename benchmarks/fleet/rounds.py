"""One fleet brought up in an account of its own, and what that took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from unittest import mock

from benchmarks.fleet.computing import seconds_below
from provisioning.fleet_desk import hardware
from provisioning.fleet_state import FleetState
from provisioning.fleet_up import FleetOrder, FleetUp, bring_up_fleet
from provisioning.hosts_spec import Ec2HostsSpec
from provisioning.places import wanted_hosts
from provisioning.providers.ec2.history import LAUNCH
from provisioning.providers.ec2.order import Ec2Order
from provisioning.providers.ec2.provider import ec2_provider
from provisioning.readiness import Threshold

PROJECT = Path(__file__).parents[2]
#: Where the networks of the namespace hosts are, so that nothing else is let in.
ACCESS = "198.18.0.0/15"


@dataclass(frozen=True)
class Round:
    """Seconds, from the beginning of `bring_up_fleet` unless another word is said."""

    ready: float
    #: Until AWS had answered every RunInstances, and until every host was seen running.
    ordered: float
    running: float
    #: The host that took longest from its own order (intent in the journal) to ready, and the
    #: one in the middle.
    slowest_host: float
    middle_host: float
    #: Computing time of this program, and of the API with all machines.
    product_cpu: float
    account_cpu: float


@dataclass
class Watch:
    """When each host was seen running, and ready, on the clock of the journal."""

    running: dict[str, float] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    _noting: threading.Lock = field(default_factory=threading.Lock)

    def progress(self, name: str, done: int, total: int, note: str) -> None:
        with self._noting:
            if note == "waiting for SSH":
                self.running.setdefault(name, time.time())
            elif note == "ready" and done == total:
                self.ready.setdefault(name, time.time())


def bring_up(hosts: int, seed: int, folder: Path) -> Round:
    """`hosts` machines, the hub among them; all are gone when this returns."""
    with _account(seed) as account:
        state, watch = FleetState(folder / "fleet"), Watch()
        order = _order(hosts, state)
        order.provider.observe()  # what is made once, the connection and its client, is there
        account_before, product_before = seconds_below(account), time.process_time()
        began = time.time()
        up = bring_up_fleet(order, watch.progress)
        ended = time.time()
        product = time.process_time() - product_before
        machines = seconds_below(account) - account_before
    _require_ready(up, hosts)
    answers = state.journal().of_step(LAUNCH)
    ordered = {one.facts["host"]: _seconds(one.at) for one in answers if one.kind == "intent"}
    own = sorted(watch.ready[name] - ordered[name] for name in ordered)
    return Round(
        ready=ended - began,
        ordered=max(_seconds(one.at) for one in answers if one.kind == "done") - began,
        running=max(watch.running.values()) - began,
        slowest_host=own[-1],
        middle_host=own[len(own) // 2],
        product_cpu=product,
        account_cpu=machines,
    )


def _order(hosts: int, state: FleetState) -> FleetOrder:
    told = {
        "provider": "ec2",
        "region": "us-east-1",
        "access": ACCESS,
        "hub": {"environments": []},
        "gpu": {"count": hosts - 1, "types": ["g4dn.xlarge"], "environments": []},
    }
    spec = Ec2HostsSpec.model_validate(told)
    provider = ec2_provider(Ec2Order("bench", spec, 8000, "0000"), state)
    return FleetOrder(wanted_hosts(spec), provider, Threshold(state, state.key_file), hardware)


def _require_ready(up: FleetUp, hosts: int) -> None:
    if len(up.ready) != hosts:
        reasons = "\n".join(f"{name}: {why}" for name, why in up.problems.items())
        sys.exit(f"{len(up.ready)} of {hosts} hosts are ready:\n{reasons}")


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


@contextmanager
def _account(seed: int) -> Iterator[int]:
    """The process id of an API with machines, to which this process's environment leads."""
    command = [sys.executable, "-m", "tests.cloud.slow_account", str(seed)]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as account:
        assert account.stdin
        assert account.stdout
        try:
            with mock.patch.dict(os.environ, json.loads(account.stdout.readline())):
                yield account.pid
        finally:
            account.stdin.close()
