"""`check` names everything that keeps a workshop from running on this machine."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from provisioning.errors import NotPossibleHere
from provisioning.findings import Finding
from provisioning.isolation import isolation
from provisioning.machine import Bubblewrap, Machine, look_at_this_machine
from provisioning.providers.local import DISK_TO_BUILD, Needs, check

GB = 2**30


@pytest.fixture(scope="module")
def machine() -> Machine:
    return look_at_this_machine()


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def needs(open_folder: Path, port: int) -> Needs:
    return Needs(
        seats=5,
        seat_memory_bytes=GB,
        address="127.0.0.1",
        port=port,
        state=open_folder / "state",
        environments_built=True,
        running=False,
        limits="seats are limited",
        limits_per_seat=True,
        day=date(2026, 12, 1),
        today=date(2026, 11, 21),
    )


def stops(needs: Needs, machine: Machine) -> list[Finding]:
    return [finding for finding in check(needs, machine) if finding.severity == "stop"]


def test_this_machine_can_hold_a_workshop(needs: Needs, machine: Machine) -> None:
    roomy = replace(machine, memory_bytes=64 * GB, cores=8, chromium=Path("/usr/bin/chromium"))
    findings = check(needs, roomy)

    assert {finding.severity for finding in findings} == {"ok"}
    said = [finding.what for finding in findings]
    assert f"port {needs.port} on 127.0.0.1 is free" in said
    assert "the class is in 10 days" in said
    assert "each seat has a UNIX account of its own, and a jail" in said
    assert "starting 5 seats takes about 3 s on 8 cores" in said


@pytest.fixture
def holder() -> Iterator[subprocess.Popen[str]]:
    """Another process that listens on a port."""
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
    with subprocess.Popen(
        command, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as holder:
        yield holder
        holder.kill()


@pytest.fixture
def taken(needs: Needs, holder: subprocess.Popen[str]) -> Needs:
    """What needs the port that the other process has."""
    assert holder.stdout is not None
    said = re.search(r" port (\d+) ", holder.stdout.readline())
    assert said is not None
    return replace(needs, port=int(said[1]))


def test_a_port_in_use_names_who_has_it(
    taken: Needs, machine: Machine, holder: subprocess.Popen[str]
) -> None:
    found = stops(taken, machine)

    command = f"{sys.executable} -u -m http.server --bind 127.0.0.1 0"[:80]
    assert found == [
        Finding(
            "stop",
            f"port {taken.port} on 127.0.0.1 is in use by process {holder.pid} ({command})",
            "stop that process, or set hub.port in workshop.yaml to another number",
        )
    ]


def test_a_running_workshop_holds_its_own_port(taken: Needs, machine: Machine) -> None:
    assert stops(taken, machine)
    assert stops(replace(taken, running=True), machine) == []


def test_an_address_of_another_machine_is_refused(needs: Needs, machine: Machine) -> None:
    # An address that is set aside for documentation, so no machine has it.
    found = stops(replace(needs, address="192.0.2.7"), machine)

    assert [finding.what for finding in found] == ["192.0.2.7 is not an address of this machine"]
    assert "hub.bind" in found[0].remedy


def test_a_full_disk_names_what_is_there_and_what_is_needed(
    needs: Needs, machine: Machine, small_disk: Path
) -> None:
    subprocess.run(["dd", "if=/dev/zero", f"of={small_disk}/ballast"], capture_output=True)
    state = small_disk / "state"

    assert stops(replace(needs, state=state, environments_built=False), machine) == [
        Finding(
            "stop",
            f"the disk of {state} has 0.0 GB free, and {DISK_TO_BUILD // GB}.0 GB are needed",
            "free some space, or set WORKSHOP_STATE to a folder on a larger disk",
        )
    ]


def test_without_root_seats_have_jails_and_others_stay_unseen(taken: Needs, call_as_nobody) -> None:
    findings = call_as_nobody(lambda: check(taken, look_at_this_machine()))

    jail = "each seat has a jail of its own (as root: an account as well)"
    assert Finding("ok", jail) in findings
    what = f"port {taken.port} on 127.0.0.1 is in use by a process of another account"
    assert what in [finding.what for finding in findings]


def test_without_root_a_low_port_is_refused(needs: Needs, call_as_nobody) -> None:
    setting = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    low = int(setting.read_text()) - 1
    found = call_as_nobody(lambda: stops(replace(needs, port=low), look_at_this_machine()))

    assert [finding.what for finding in found] == [
        f"port {low} on 127.0.0.1 may only be used by root"
    ]


def test_state_that_seats_cant_reach_is_refused(
    needs: Needs, machine: Machine, open_folder: Path
) -> None:
    private = open_folder / "private"
    private.mkdir(mode=0o700)

    found = stops(replace(needs, state=private / "state"), machine)

    assert [finding.what for finding in found] == [
        f"the seats' accounts can't enter {private}, so they can't reach {private}/state"
    ]


def test_too_little_memory_stops_and_tight_memory_warns(needs: Needs, machine: Machine) -> None:
    machine = replace(machine, memory_bytes=8 * GB)
    small = stops(replace(needs, seats=60), machine)
    assert [(finding.what, finding.remedy) for finding in small] == [
        (
            "60 seats need 10.1 GB before anyone computes, and this machine has 8.0 GB of memory",
            "use a larger machine, or at most 47 seats",
        )
    ]
    tight = [f for f in check(replace(needs, seats=20), machine) if "use all of their" in f.what]
    assert [(finding.severity, finding.remedy) for finding in tight] == [
        ("warn", "set seat.memory to 385M to be sure, or go on if labs are small")
    ]


def test_many_seats_on_few_cores_warn(needs: Needs, machine: Machine) -> None:
    many = replace(needs, seats=300)
    roomy = replace(machine, memory_bytes=900 * GB, cores=2)
    slow = [finding for finding in check(many, roomy) if "cores" in finding.what]
    assert [(finding.severity, finding.what) for finding in slow] == [
        ("warn", "starting 300 seats takes about 615 s on 2 cores")
    ]


@pytest.mark.parametrize(
    ("day", "severity", "what"),
    [
        (date(2026, 11, 20), "stop", "the day of the class, 2026-11-20, was 1 day ago"),
        (date(2026, 11, 21), "ok", "the class is today"),
        (date(2026, 11, 22), "ok", "the class is in 1 day"),
    ],
)
def test_the_day_of_the_class(
    needs: Needs, machine: Machine, day: date, severity: str, what: str
) -> None:
    last = check(replace(needs, day=day), machine)[-1]
    assert (last.severity, last.what) == (severity, what)


def test_what_is_missing_is_named_with_its_package(needs: Needs, machine: Machine) -> None:
    bare = replace(
        machine,
        bubblewrap=Bubblewrap(None),
        chromium=None,
        interpreter=NotPossibleHere("no Python", next_step="apt-get install python3"),
    )
    findings = {f.what: (f.severity, f.remedy) for f in check(needs, bare)}

    assert findings["seats can't be kept apart: bubblewrap isn't installed"] == (
        "stop",
        "apt-get install bubblewrap",
    )
    assert findings["no Python"] == ("stop", "apt-get install python3")
    assert findings["Chromium isn't installed: only the browser tests need it"] == (
        "warn",
        "apt-get install chromium",
    )


@pytest.mark.parametrize(
    ("setting", "remedy"),
    [
        ("kernel.unprivileged_userns_clone=0", "kernel.unprivileged_userns_clone=1"),
        ("user.max_user_namespaces=0", "user.max_user_namespaces=10000"),
        (
            "kernel.apparmor_restrict_unprivileged_userns=1",
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ],
)
def test_namespaces_switched_off_are_named_with_the_switch(
    machine: Machine, setting: str, remedy: str
) -> None:
    jail = Bubblewrap(Path("/usr/bin/bwrap"), "No permissions to create new namespace", setting)
    with pytest.raises(NotPossibleHere) as caught:
        isolation(replace(machine, bubblewrap=jail))
    assert caught.value.message.startswith(
        f"seats can't be kept apart: {setting} switches user namespaces off"
    )
    assert caught.value.next_step == f"as root: sysctl -w {remedy}"


def test_a_jail_that_doesnt_work_is_never_passed_over(machine: Machine) -> None:
    jail = Bubblewrap(Path("/usr/bin/bwrap"), "Can't mount proc on /newroot/proc")
    for is_root in (True, False):
        with pytest.raises(NotPossibleHere, match="Can't mount proc"):
            isolation(replace(machine, bubblewrap=jail, is_root=is_root))


def test_root_gives_each_seat_an_account(machine: Machine) -> None:
    assert isolation(replace(machine, is_root=True)) == "accounts"
    assert isolation(replace(machine, is_root=False)) == "jail"
