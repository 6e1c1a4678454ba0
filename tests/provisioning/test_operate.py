"""What an operator asks of hosts that are there, on a real fleet of the tests' cloud."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provisioning.deadline_timer import TIMER_FILE, deadline_timer
from provisioning.deadlines import ensure_known, extend_deadline
from provisioning.environments.conda.channels import Channels
from provisioning.environments.delivery import Depot
from provisioning.errors import NotPossibleHere, StepFailed
from provisioning.fleet import Fleet
from provisioning.fleet_desk import FleetDesk, FleetRequest
from provisioning.fleet_up import bring_up_fleet, make_hosts_ready
from provisioning.hosts_spec import Ec2HostsSpec
from provisioning.operate import Ran, hosts_now, read_logs, run_on_hosts
from provisioning.paths import StatePaths
from provisioning.ssh.errors import CommandFailed, DeadlinePassed, SshError, Unreachable
from tests.cloud.cloud import Cloud
from tests.cloud.machines import trouble
from tests.cloud.machines.namespace_host import NamespaceHost
from tests.cloud.machines.namespaces import NamespaceMachines

NAMES = ["gpu-01", "gpu-02", "hub"]
SPEC = {
    "provider": "ec2",
    "region": "us-east-1",
    "access": "198.18.0.0/15",
    "hours": 2,
    "hub": {"environments": []},
    "gpu": {"count": 2, "types": ["g4dn.xlarge"], "environments": []},
}


def silent(*details: object) -> None:
    pass


@dataclass(frozen=True)
class Class:
    """A hub and two GPU hosts that are ready, and the machines behind them."""

    desk: FleetDesk
    machines: NamespaceMachines

    def machine(self, name: str) -> NamespaceHost:
        host = self.desk.provider.observe().host(name)
        assert host is not None
        return self.machines.host(host.id)

    def deadlines(self) -> dict[str, datetime | None]:
        """As the cloud's tags tell them."""
        return {host.name: host.deadline for host in self.desk.provider.observe().hosts}

    def timer(self, name: str) -> str:
        """When the host itself will end."""
        show = "systemctl show --property=NextElapseUSecRealtime workshop-deadline.timer"
        return self.machine(name).inside(show).strip().partition("=")[2]


def as_timer(moment: datetime | None) -> str:
    assert moment is not None
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    folder = tmp_path_factory.mktemp("operate")
    machines = NamespaceMachines()
    with Cloud(machines=machines) as cloud, pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        desk = _desk(folder)
        up = bring_up_fleet(desk.order, silent)
        assert sorted(up.ready) == NAMES, up.problems
        yield Class(desk, machines)


def _desk(folder: Path) -> FleetDesk:
    paths = StatePaths(folder, "operate")
    depot = Depot(paths, lambda name: folder / f"{name}.yml", Channels())
    return FleetDesk(
        FleetRequest(
            workshop="operate",
            hosts=Ec2HostsSpec.model_validate(SPEC),
            hub_port=8000,
            spec_hash="0000",
            spec_file=folder / "workshop.yaml",
            paths=paths,
            depot=depot,
        )
    )


def test_every_host_says_how_it_is_and_a_silent_one_is_told_as_such(room: Class) -> None:
    trouble.drop(room.machine("gpu-02"))
    began = time.monotonic()
    found = {each.host.name: each for each in hosts_now(room.desk, seconds=8)}
    assert time.monotonic() - began < 12
    trouble.heal(room.machine("gpu-02"))
    assert list(found) == NAMES
    one = found["gpu-01"]
    assert one.answers
    assert one.load is not None
    assert one.cores
    assert one.free_gb is not None
    assert one.gpus == (0,)
    assert one.environments == ()
    assert one.hourly is not None
    assert found["hub"].gpus == ()
    assert not found["gpu-02"].answers
    # The last tenth of the time is for its own error to arrive.
    told = found["gpu-02"].problem
    assert "no answer" in told or "it was not reached in time" in told


def test_a_host_that_talks_nonsense_spoils_no_status(room: Class) -> None:
    broken = "printf '#!/bin/sh\\nexit 1\\n' > {0}; chmod 755 {0}".format("/usr/local/bin/df")
    room.machine("gpu-01").inside(broken)
    found = {each.host.name: each for each in hosts_now(room.desk)}
    room.machine("gpu-01").inside("rm /usr/local/bin/df")
    assert (found["gpu-01"].answers, found["gpu-01"].free_gb) == (True, None)
    assert found["hub"].free_gb is not None


def test_a_host_that_this_computer_never_met_is_named_and_keeps_nobody(room: Class) -> None:
    keys = room.desk.state.host_keys_file
    known = keys.read_bytes()
    room.desk.state.forget_attempts("gpu-02", up_to=1)
    found = {each.host.name: each for each in hosts_now(room.desk)}
    _, problems = extend_deadline(room.desk, timedelta(minutes=5), datetime.now(UTC))
    keys.write_bytes(known)
    assert "never told" in found["gpu-02"].problem
    assert found["gpu-01"].answers
    assert list(problems) == ["gpu-02"]


def test_a_command_runs_as_root_everywhere_and_a_host_that_is_down_has_its_own_result(
    room: Class,
) -> None:
    fleet = room.desk.provider.observe()
    trouble.stop_sshd(room.machine("hub"))
    command = "hostname; echo wrong >&2; id -u; exit 3"
    found = run_on_hosts(room.desk.logins(fleet.hosts), command, seconds=20)
    trouble.start_sshd(room.machine("hub"))
    assert list(found) == NAMES
    assert found["gpu-01"] == Ran(3, "gpu-01\nwrong\n0\n")
    assert found["gpu-02"] == Ran(3, "gpu-02\nwrong\n0\n")
    assert isinstance(found["hub"], Unreachable)


def test_a_command_that_takes_too_long_is_named_by_what_was_typed(room: Class) -> None:
    hub = room.desk.chosen(room.desk.provider.observe(), ("hub",))
    (found,) = run_on_hosts(room.desk.logins(hub), "sleep 7.5", seconds=1).values()
    assert isinstance(found, DeadlinePassed)
    assert "`sleep 7.5` took longer than 1 s" in found.message


def test_the_logs_are_their_end_and_a_host_that_is_down_raises(room: Class) -> None:
    machine = room.machine("gpu-01")
    machine.inside("seq 500 >> /var/log/cloud-init-output.log")
    (login,) = room.desk.logins(
        room.desk.chosen(room.desk.provider.observe(), ("gpu-01",))
    ).values()
    said = read_logs(login, 3)
    assert said.startswith("== /var/log/cloud-init-output.log\n498\n499\n500\n")
    trouble.stop_sshd(machine)
    with pytest.raises(SshError):
        read_logs(login, 3)
    trouble.start_sshd(machine)


def test_extending_moves_timer_and_tag_together_or_neither(room: Class) -> None:
    """A host that can't be reached, or whose timer can't be armed, keeps its old deadline."""
    before = room.deadlines()
    latest = max(moment for moment in before.values() if moment)
    unarmed = room.machine("gpu-01")
    was, text = room.timer("gpu-01"), unarmed.inside(f"cat {TIMER_FILE}")
    trouble.stop_sshd(room.machine("gpu-02"))
    broken = (
        '#!/bin/sh\\n[ "$1" != restart ] || { echo no >&2; exit 1; }\\nexec /usr/bin/systemctl "$@"'
    )
    tool = "/usr/local/bin/systemctl"
    unarmed.inside(f"printf '{broken}\\n' > {tool}; chmod 755 {tool}")
    deadline, problems = extend_deadline(room.desk, timedelta(minutes=45), datetime.now(UTC))
    unarmed.inside(f"rm {tool}")
    trouble.start_sshd(room.machine("gpu-02"))

    assert deadline == latest + timedelta(minutes=45)
    assert {name: type(why) for name, why in problems.items()} == {
        "gpu-01": CommandFailed,
        "gpu-02": Unreachable,
    }, {name: str(why) for name, why in problems.items()}
    assert room.timer("hub") == as_timer(deadline)
    assert room.timer("gpu-01") == was
    assert unarmed.inside(f"cat {TIMER_FILE}") == text
    assert room.deadlines() == {**before, "hub": deadline}

    again, problems = extend_deadline(room.desk, timedelta(minutes=10), datetime.now(UTC))
    assert problems == {}
    assert again == deadline + timedelta(minutes=10)
    assert {room.timer(name) for name in NAMES} == {as_timer(again)}
    assert set(room.deadlines().values()) == {again}


def test_what_staff_moved_from_the_wall_is_shown_told_to_the_cloud_and_never_moved_back(
    room: Class,
) -> None:
    """The hub host moves timers and has no credentials: who has some asks the hosts first."""
    before = room.deadlines()
    assert ensure_known(room.desk) is None
    moved = max(moment for moment in before.values() if moment) + timedelta(minutes=30)
    for name in ("hub", "gpu-01"):
        new = deadline_timer(moved)
        room.machine(name).inside(f"cat > {TIMER_FILE} <<'END'\n{new}END")
    shown = {each.host.name: each.host.deadline for each in hosts_now(room.desk)}
    assert shown == {**before, "hub": moved, "gpu-01": moved}
    assert room.deadlines() == before

    assert ensure_known(room.desk) == moved
    assert room.deadlines() == {**before, "hub": moved, "gpu-01": moved}
    deadline, problems = extend_deadline(room.desk, timedelta(minutes=10), datetime.now(UTC))
    assert problems == {}
    assert deadline == moved + timedelta(minutes=10)


def test_a_stopped_host_keeps_its_deadline_and_answers_where_it_starts_again(room: Class) -> None:
    desk = room.desk
    was = desk.provider.observe().host("gpu-02")
    assert was is not None
    desk.provider.stop(("gpu-02",), silent)
    _, problems = extend_deadline(desk, timedelta(minutes=1), datetime.now(UTC))
    assert isinstance(problems["gpu-02"], StepFailed)
    assert "gpu-02 is stopped" in problems["gpu-02"].message
    now = desk.provider.start(("gpu-02",), silent).host("gpu-02")
    assert now is not None
    assert now.address != was.address
    up = make_hosts_ready(desk.order, Fleet("operate", (now,)), silent)
    assert list(up.ready) == ["gpu-02"]


def test_what_never_ends_can_not_be_extended(room: Class) -> None:
    empty = _desk(room.desk.request.paths.root / "other")
    object.__setattr__(empty.request, "workshop", "another")
    with pytest.raises(NotPossibleHere, match="nothing to extend"):
        extend_deadline(empty, timedelta(minutes=1), datetime.now(UTC))
