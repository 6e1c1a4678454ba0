"""Hosts are made ready all at once, and one that isn't costs the others nothing."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from provisioning import fleet_up
from provisioning.errors import StepFailed
from provisioning.fleet import Address, Fleet, Host, WantedHost
from provisioning.fleet_up import FleetOrder, bring_up_fleet, make_hosts_ready
from provisioning.providers.protocol import Launched, Missing, OnHost, Progress, Provider
from provisioning.readiness import Hardware
from provisioning.ssh.errors import HostKeyChanged, Unreachable
from tests.cloud.machines import trouble
from tests.cloud.machines.yard import Yard
from tests.provisioning.first_boots import Newcomers, Wish, newcomers

NAMES = ("gpu-01", "gpu-02", "gpu-03", "gpu-04")
#: How long a host may take here.
DEADLINE = 10.0


@dataclass(frozen=True)
class Machines:
    """A provider of machines that are there. `first` were seen running, and are gone since."""

    hosts: tuple[Host, ...]
    missing: tuple[Missing, ...] = ()
    first: tuple[Host, ...] = ()

    def ensure(
        self, wanted: tuple[WantedHost, ...], progress: Progress, on_host: OnHost
    ) -> Launched:
        for host in (*self.first, *self.hosts):
            on_host(host)
        return Launched(Fleet("class", self.hosts), self.missing)


@dataclass
class Told:
    """Whose turn ended, ready or given up, in this order."""

    ended: list[str] = field(default_factory=list)

    def __call__(self, name: str, done: int, total: int, note: str) -> None:
        if name == "ready":
            self.ended.append(note.replace(":", " ").split()[0])


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomers]:
    folder = tmp_path_factory.mktemp("four") / "fleet"
    with Yard() as yard, newcomers(yard, folder, [Wish(name) for name in NAMES]) as hosts:
        yield hosts


def place(name: str) -> WantedHost:
    return WantedHost(name, "gpu", ("g4dn.xlarge",), "on-demand", 0, None, ())


def order(hosts: Newcomers, machines: Machines, *names: str) -> FleetOrder:
    return FleetOrder(
        wanted=tuple(place(name) for name in names or NAMES),
        provider=cast(Provider, machines),
        threshold=hosts.threshold(seconds=DEADLINE),
        hardware=lambda host, wanted: Hardware(),
    )


def silent(*details: Any) -> None:
    pass


def test_one_bad_host_of_four_holds_up_nobody(four: Newcomers) -> None:
    machines = Machines(tuple(one.host for one in four.of.values()))
    trouble.drop(four.of["gpu-03"].machine)
    told, began = Told(), time.monotonic()
    up = bring_up_fleet(order(four, machines), told)
    took = time.monotonic() - began
    assert sorted(up.ready) == ["gpu-01", "gpu-02", "gpu-04"]
    assert set(up.problems) == {"gpu-03"}
    assert isinstance(up.problems["gpu-03"], Unreachable)
    assert DEADLINE - 1 < took < DEADLINE + 6
    assert sorted(told.ended[:3]) == ["gpu-01", "gpu-02", "gpu-04"]
    trouble.heal(four.of["gpu-03"].machine)
    again = bring_up_fleet(order(four, machines), silent)
    assert (sorted(again.ready), again.problems) == ([*NAMES], {})


def test_a_second_run_finds_everything_as_it_is(four: Newcomers) -> None:
    machines = Machines(tuple(one.host for one in four.of.values()))
    bring_up_fleet(order(four, machines), silent)
    known = four.state.host_keys_file.stat()
    up = bring_up_fleet(order(four, machines), silent)
    assert sorted(up.ready) == [*NAMES]
    assert four.state.host_keys_file.stat().st_ino == known.st_ino  # not even written again


def test_a_machine_that_was_taken_back_is_not_waited_for(four: Newcomers) -> None:
    """AWS may end a machine that ran, and `ensure` then orders another one for the place."""
    now = four.of["gpu-01"].host
    gone = replace(now, id="i-gone", address=Address("198.51.100.1"))
    lost = replace(four.of["gpu-02"].host, address=Address("198.51.100.2"))
    why = StepFailed("no capacity", next_step="wait")
    machines = Machines((now,), (Missing("gpu-02", why),), first=(gone, lost))
    began = time.monotonic()
    up = bring_up_fleet(order(four, machines, "gpu-01", "gpu-02"), silent)
    assert time.monotonic() - began < DEADLINE - 1
    assert list(up.ready) == ["gpu-01"]
    assert up.problems == {"gpu-02": why}


def test_every_place_is_ready_or_has_a_reason(four: Newcomers) -> None:
    stopped = replace(four.of["gpu-01"].host, state="stopped", address=None)
    strange = replace(four.of["gpu-02"].host, address=four.of["gpu-04"].host.address)
    fleet = Fleet("class", (stopped, strange))
    up = make_hosts_ready(order(four, Machines(fleet.hosts)), fleet, silent)
    assert up.ready == {}
    assert "gpu-01 is stopped" in up.problems["gpu-01"].message
    assert isinstance(up.problems["gpu-02"], HostKeyChanged)


@contextlib.contextmanager
def obeying_ctrl_c() -> Iterator[None]:
    """A shell that starts a job in the background lets it ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_that_does_not_wake_the_wait_ends_it_all_the_same(
    four: Newcomers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that comes just before the wait begins; here another thread takes it."""
    monkeypatch.setattr(fleet_up, "_CTRL_C_SECONDS", 0.05)
    over, answered = threading.Event(), threading.Event()

    def interrupt(host: Host, wanted: WantedHost) -> Hardware:
        time.sleep(0.1)  # so that the wait has begun
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        if not over.wait(20):
            answered.set()
        raise StepFailed("it took long", next_step="go home")

    host = four.of["gpu-01"].host
    interrupted = replace(order(four, Machines((host,)), "gpu-01"), hardware=interrupt)
    try:
        with obeying_ctrl_c(), pytest.raises(KeyboardInterrupt):
            make_hosts_ready(interrupted, Fleet("class", (host,)), silent)
    finally:
        over.set()
    assert not answered.is_set()


#: Waits for a host that accepts connections and says nothing.
WAITING = """
import signal
import sys
from pathlib import Path
from provisioning.fleet import Address, Fleet, Host
from provisioning.fleet_state import FleetState
from provisioning.fleet_up import make_hosts_ready
from tests.provisioning.test_fleet_up import Machines, order
from tests.provisioning.first_boots import Newcomers
signal.signal(signal.SIGINT, signal.default_int_handler)
state = FleetState(Path(sys.argv[2]))
state.ensure_key()
state.ensure_bootstrap("gpu-01", 1)
host = Host("gpu-01", "gpu", "running", Address("127.0.0.1", int(sys.argv[1])))
tell = lambda *note: print(*note, flush=True)
make_hosts_ready(order(Newcomers(state, {}), Machines((host,)), "gpu-01"), Fleet("", (host,)), tell)
"""


def test_ctrl_c_ends_it_although_a_host_does_not_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = str(mute.getsockname()[1])
        command = [sys.executable, "-c", WAITING, port, str(tmp_path / "fleet")]
        root = Path(__file__).parents[2]
        with subprocess.Popen(
            command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as up:
            assert up.stdout is not None
            assert b"waiting for SSH" in up.stdout.readline()
            began = time.monotonic()
            up.send_signal(signal.SIGINT)
            _, said = up.communicate(timeout=DEADLINE * 3)
    assert b"KeyboardInterrupt" in said
    assert time.monotonic() - began < 4
