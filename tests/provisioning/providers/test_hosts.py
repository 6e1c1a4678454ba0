"""A list of machines is used as it is: no other machine, no other key, nothing left behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from provisioning.errors import AlreadyTaken, NotPossibleHere
from provisioning.fleet import Host
from provisioning.hosts_spec import MachineHostsSpec, MachineSpec
from provisioning.places import wanted_hosts
from provisioning.providers.hosts import HostsProvider, ListedKeys
from provisioning.providers.protocol import Provider
from provisioning.ssh import pool
from provisioning.ssh.connection import connect
from provisioning.ssh.errors import HostKeyChanged, RootRefused, Unreachable
from provisioning.ssh.keys import new_key_pair
from provisioning.ssh.login import Login
from tests.cloud.machines import trouble
from tests.cloud.machines.yard import PlainHost, namespace_hosts


@pytest.fixture(scope="module")
def machines() -> Iterator[tuple[PlainHost, ...]]:
    with namespace_hosts(2, prefix="listed") as machines:
        yield machines


@pytest.fixture
def spec(machines: tuple[PlainHost, ...]) -> Iterator[MachineHostsSpec]:
    """gpu-01 and gpu-02, with nothing of a workshop on them."""
    yield listed(*machines)
    for machine in machines:
        machine.machine.inside(
            "rm -rf /opt/workshop /etc/systemd/system/workshop-*; userdel ws-ada || :; "
            "pkill -KILL sleep || :"
        )


def listed(*machines: PlainHost) -> MachineHostsSpec:
    return MachineHostsSpec(
        provider="hosts",
        key=machines[0].key_file,
        machines=tuple(
            MachineSpec(
                name=f"gpu-0{number}",
                role="gpu",
                address=machine.addresses.public,
                host_key=machine.host_key,
                private_address=machine.addresses.private,
            )
            for number, machine in enumerate(machines, start=1)
        ),
    )


def with_machine(spec: MachineHostsSpec, number: int, **changes: object) -> MachineHostsSpec:
    """The list with another machine in one place."""
    machines = list(spec.machines)
    machines[number] = machines[number].model_copy(update=changes)
    return spec.model_copy(update={"machines": tuple(machines)})


def quiet(name: str, done: int, total: int, note: str) -> None:
    """A progress that nobody looks at."""


def test_what_answers_is_taken_once(spec: MachineHostsSpec) -> None:
    provider: Provider = HostsProvider(spec, "nlp")
    heard: list[Host] = []

    first = provider.ensure(wanted_hosts(spec), quiet, heard.append)
    second = provider.ensure(wanted_hosts(spec), quiet)

    assert first.created == ("gpu-01", "gpu-02")
    assert second.created == ()
    assert first.missing == second.missing == ()
    assert first.fleet == second.fleet == provider.observe()
    assert sorted(host.name for host in heard) == ["gpu-01", "gpu-02"]
    assert [str(host.address) for host in first.fleet.hosts] == [
        f"ubuntu@{machine.address}:22" for machine in spec.machines
    ]
    assert [host.private_address for host in first.fleet.hosts] == [
        machine.private_address for machine in spec.machines
    ]


def test_looking_changes_nothing(spec: MachineHostsSpec, machines: tuple[PlainHost, ...]) -> None:
    HostsProvider(spec, "nlp").observe()
    HostsProvider(spec, "nlp").inventory()
    assert machines[0].machine.inside("ls /opt") == ""


def test_a_machine_with_another_host_key_is_missing_and_the_others_are_there(
    spec: MachineHostsSpec,
) -> None:
    other = new_key_pair("").public
    provider = HostsProvider(with_machine(spec, 1, host_key=other), "nlp")

    launched = provider.ensure(wanted_hosts(spec), quiet)

    assert [host.name for host in launched.fleet.hosts] == ["gpu-01"]
    (missing,) = launched.missing
    assert missing.name == "gpu-02"
    assert isinstance(missing.why, HostKeyChanged)
    states = {host.name: host.state for host in provider.observe().hosts}
    assert states == {"gpu-01": "running", "gpu-02": "pending"}


def test_a_silent_machine_is_missing_by_the_deadline(
    spec: MachineHostsSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """192.0.2.0/24 is for documentation (RFC 5737): nobody answers there."""
    monkeypatch.setattr(pool, "_CONNECT_SECONDS", 5)
    silent = with_machine(spec, 0, address="192.0.2.10")
    began = time.monotonic()
    launched = HostsProvider(silent, "nlp", seconds=20).ensure(wanted_hosts(spec), quiet)

    assert time.monotonic() - began < 15
    assert [missing.name for missing in launched.missing] == ["gpu-01"]
    assert isinstance(launched.missing[0].why, Unreachable)
    assert [host.name for host in launched.fleet.hosts] == ["gpu-02"]


def test_a_machine_of_another_workshop_is_refused_and_left_alone(spec: MachineHostsSpec) -> None:
    first, second = HostsProvider(spec, "nlp"), HostsProvider(spec, "vision")
    first.ensure(wanted_hosts(spec), quiet)

    launched = second.ensure(wanted_hosts(spec), quiet)
    second.down(quiet)

    assert launched.fleet.hosts == ()
    for missing in launched.missing:
        assert isinstance(missing.why, AlreadyTaken)
        assert "nlp" in missing.why.message
        assert missing.why.next_step
    assert not first.inventory().empty


def test_a_user_who_may_not_become_root_is_told_what_to_change(
    spec: MachineHostsSpec, machines: tuple[PlainHost, ...]
) -> None:
    machine = machines[0].machine
    machine.inside("mkdir /root/aside; mv /etc/sudoers.d/* /root/aside")
    try:
        launched = HostsProvider(spec, "nlp").ensure(wanted_hosts(spec), quiet)
    finally:
        machine.inside("mv /root/aside/* /etc/sudoers.d; rmdir /root/aside")
    (missing,) = launched.missing
    assert isinstance(missing.why, RootRefused)
    assert "run sudo without a password" in missing.why.next_step


def test_down_removes_everything_of_ours_and_nothing_else(
    spec: MachineHostsSpec, machines: tuple[PlainHost, ...]
) -> None:
    provider = HostsProvider(spec, "nlp")
    provider.ensure(wanted_hosts(spec), quiet)
    clutter(machines[0], spec)
    before = provider.inventory()

    after = provider.down(quiet)

    assert {resource.kind for resource in before.left} == {"process", "account", "unit", "file"}
    assert after.left == ()
    machine = machines[0].machine
    assert machine.inside("ls -A /opt") == ""
    assert machine.inside("ls /etc/systemd/system | grep workshop || :") == ""
    assert machine.inside("cat /home/ws-ada/work") == "mine"
    assert machine.inside("id -un daemon").strip() == "daemon"
    assert provider.down(quiet).empty, "a second time there is nothing to do"


def clutter(host: PlainHost, spec: MachineHostsSpec) -> None:
    """What a workshop leaves on a machine while it runs."""
    machine = spec.machines[0]
    login = Login(
        HostsProvider(spec, "nlp").observe().hosts[0].address, spec.key, (machine.host_key,)
    )
    with connect(login, seconds=10) as connection:
        connection.start_job("build", "sleep 600 & setsid sleep 600 & wait")
        connection.run(
            "mkdir -p /opt/workshop/environments/nlp-gpu-0123456789ab/bin; "
            "cd /opt/workshop/environments/nlp-gpu-0123456789ab/bin; "
            "cp /bin/sleep python; setsid ./python 600 >/dev/null 2>&1 & "
            "useradd --comment 'workshop nlp' --create-home ws-ada; "
            "printf mine >/home/ws-ada/work; "
            "echo '[Timer]' >/etc/systemd/system/workshop-nightly.timer",
            seconds=20,
        )


def test_a_machine_that_cannot_be_looked_at_counts_as_not_empty(
    spec: MachineHostsSpec, machines: tuple[PlainHost, ...]
) -> None:
    provider = HostsProvider(spec, "nlp")
    provider.ensure(wanted_hosts(spec), quiet)
    trouble.stop_sshd(machines[1].machine)
    try:
        after = provider.down(quiet)
    finally:
        trouble.start_sshd(machines[1].machine)

    (left,) = after.left
    assert (left.kind, left.id) == ("machine", "gpu-02")
    assert "something may be left there" in left.what
    assert HostsProvider(spec, "nlp").down(quiet).empty


def test_what_a_list_cannot_do_is_refused_with_what_to_do_instead(spec: MachineHostsSpec) -> None:
    provider = HostsProvider(spec, "nlp")
    names = ("gpu-01",)
    calls = [
        lambda: provider.replace(wanted_hosts(spec)[0], quiet),
        lambda: provider.stop(names, quiet),
        lambda: provider.start(names, quiet),
        lambda: provider.console("gpu-01"),
        lambda: provider.note_deadline(names, datetime.now(UTC)),
        lambda: ListedKeys(spec).pin("gpu-01", 1, "ssh-ed25519 AAAA"),
    ]
    for call in calls:
        with pytest.raises(NotPossibleHere) as caught:
            call()
        assert caught.value.next_step


def test_the_listed_key_is_the_only_one(spec: MachineHostsSpec) -> None:
    keys = ListedKeys(spec)
    (pinned,) = keys.host_keys("gpu-01", 1)
    assert pinned == keys.pinned("gpu-01", 7) == spec.machines[0].host_key
    assert keys.host_keys("gpu-09", 1) == ()
    keys.forget_bootstrap("gpu-01", 1)
    assert keys.host_keys("gpu-01", 1) == (pinned,)
