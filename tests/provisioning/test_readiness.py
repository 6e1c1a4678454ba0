"""A host is ready when it has what was paid for, and a host key that nobody else ever had."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

import pytest

from provisioning.errors import StepFailed
from provisioning.fleet_state import FleetState
from provisioning.readiness import Hardware, Ready, Threshold
from provisioning.ssh.connection import connect
from provisioning.ssh.errors import CommandFailed, HostKeyChanged, Unreachable
from tests.cloud.machines import trouble
from tests.cloud.machines.yard import Yard
from tests.provisioning.first_boots import Newcomer, Newcomers, Wish, newcomers

#: Where our own program is cut off, as a person or a crash might do it.
CUTS = ("before it begins", "before the pin", "after the pin", "after the change", "at the end")
#: Commands of the rotation before which the host itself breaks off.
TOOLS = ("ssh-keygen", "sed", "sync", "systemctl", "ssh-keyscan", "rm")
_BREAKS_OFF = """#!/bin/sh
case "$*" in {when}) touch /var/tmp/broken-off; kill -KILL $PPID ;; esac
exec /usr/bin/{tool} "$@"
"""
#: Only these uses of them are the rotation's: the first boot must not be hit.
_WHEN = {"rm": "*ssh_host*", "systemctl": '"reload ssh"'}

FAILED_BOOT = Wish("failed", more="bootcmd:\n- echo in the way > /opt/workshop\n")
SLOW_BOOT = Wish("slow", more="runcmd:\n- sleep 2\n- sh /usr/local/lib/workshop/first-boot\n")


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    with Yard() as open_yard:
        yield open_yard


@pytest.fixture(scope="module")
def met(yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomers]:
    """Hosts for one test each, that it may use up."""
    wishes = [
        *(Wish(name) for name in ("first", "again", "posing", "other-key", "asleep")),
        Wish("two-gpus", gpus=2),
        Wish("no-driver", gpus=1),
        Wish("small", disk_mb=700),
        FAILED_BOOT,
        SLOW_BOOT,
    ]
    with newcomers(yard, tmp_path_factory.mktemp("state") / "fleet", wishes) as hosts:
        yield hosts


def make_ready(hosts: Newcomers, name: str, wanted: Hardware | None = None) -> Ready:
    return hosts.threshold().make_ready(hosts.of[name].host, wanted or Hardware())


def shown_keys(one: Newcomer) -> list[str]:
    """Every host key that the host shows to anybody who asks."""
    scan = ["ssh-keyscan", "-T", "10", one.machine.addresses.public]
    said = subprocess.run(scan, capture_output=True, text=True, check=True).stdout
    return [" ".join(line.split()[1:]) for line in said.splitlines()]


def secret_line(one: Newcomer) -> str:
    """A line of the bootstrap key that no other key has."""
    return one.bootstrap.private.splitlines()[3]


def accepted_logins(one: Newcomer) -> str:
    return one.machine.inside("grep -c 'Accepted publickey' /var/log/auth.log || true").strip()


def test_the_first_contact_leaves_a_key_that_only_the_host_knows(met: Newcomers) -> None:
    one = met.of["first"]
    make_ready(met, "first")
    own = met.state.pinned("first", 1)
    assert own is not None
    assert own != one.bootstrap.public
    assert met.state.host_keys("first", 1) == (own,)
    assert shown_keys(one) == [own]
    assert secret_line(one) not in met.state.host_keys_file.read_text()
    # What is left is cloud-init's copy of the user-data, which no sshd reads, for root alone.
    left_out = "--exclude-dir=proc --exclude-dir=whole-proc --exclude-dir=sys"
    holders = f"grep -rlF '{secret_line(one)}' {left_out} / || true"
    for path in one.machine.inside(holders, seconds=120).split():
        assert path.startswith("/var/lib/cloud/")
        assert one.machine.inside(f"stat -c '%U %a' {path}") == "root 600\n"
    with connect(met.threshold().login(one.host), seconds=10) as connection:
        assert connection.run("hostname", seconds=10).stdout == b"first\n"


def test_a_second_run_changes_nothing(met: Newcomers) -> None:
    make_ready(met, "again")
    known = met.state.host_keys_file.read_bytes()
    files = "stat -c '%n %i %Y' /etc/ssh/* /etc/ssh/sshd_config.d/* /run/sshd.pid"
    before = met.of["again"].machine.inside(files)
    again = make_ready(met, "again")
    assert again.name == "again"
    assert met.of["again"].machine.inside(files) == before
    assert met.state.host_keys_file.read_bytes() == known


def test_who_poses_as_the_host_with_the_key_of_its_user_data_is_refused(met: Newcomers) -> None:
    one = met.of["posing"]
    make_ready(met, "posing")
    one.machine.inside(
        f"cat > /etc/ssh/posing <<'KEY'\n{one.bootstrap.private}KEY\n"
        "chmod 600 /etc/ssh/posing; rm /etc/ssh/workshop_host*; "
        "echo 'HostKey /etc/ssh/posing' > /etc/ssh/sshd_config.d/00-workshop-host-key.conf; "
        "systemctl restart ssh"
    )
    assert shown_keys(one) == [one.bootstrap.public]
    before = accepted_logins(one)
    with pytest.raises(HostKeyChanged):
        make_ready(met, "posing")
    assert accepted_logins(one) == before


def test_a_host_with_another_key_is_refused_at_once_and_told_nothing(met: Newcomers) -> None:
    one = met.of["other-key"]
    trouble.change_host_key(one.machine)
    began = time.monotonic()
    with pytest.raises(HostKeyChanged, match="nothing was sent"):
        make_ready(met, "other-key")
    assert time.monotonic() - began < 5
    log = one.machine.inside("cat /var/log/auth.log")
    assert "ubuntu" not in log  # not even who we would be
    assert met.state.pinned("other-key", 1) is None


def test_a_host_of_another_computers_state_is_not_contacted(met: Newcomers) -> None:
    stranger = replace(met.of["first"].host, attempt=7)
    with pytest.raises(StepFailed, match="never told") as refused:
        met.threshold().make_ready(stranger, Hardware())
    assert "workshop down" in refused.value.next_step


def test_a_first_boot_that_goes_on_is_waited_for(met: Newcomers) -> None:
    stages: list[str] = []
    met.threshold().make_ready(met.of["slow"].host, Hardware(), stages.append)
    assert stages[-1] == "ready"
    assert met.of["slow"].machine.inside("ls /opt/workshop/user-data-done")


def test_a_first_boot_that_failed_is_told_at_once_with_the_end_of_its_log(met: Newcomers) -> None:
    began = time.monotonic()
    with pytest.raises(StepFailed, match="failed in its first boot") as failed:
        make_ready(met, "failed")
    assert time.monotonic() - began < 20
    assert "/opt/workshop" in failed.value.message
    assert "File exists" in failed.value.message or "Not a directory" in failed.value.message
    assert "workshop host logs failed" in failed.value.next_step


def test_what_was_paid_for_and_is_not_there_is_named(met: Newcomers) -> None:
    assert make_ready(met, "two-gpus", Hardware(gpus=2)).gpus == ("Tesla T4", "Tesla T4")
    with pytest.raises(StepFailed, match=r"two-gpus \(g4dn.xlarge\) has 2 working GPUs instead"):
        make_ready(met, "two-gpus", Hardware(gpus=4))
    with pytest.raises(StepFailed, match="a disk of 1 GB instead of 100 GB") as small:
        make_ready(met, "small", Hardware(disk_gb=100))
    assert small.value.next_step == "`workshop host replace small`"


def test_a_gpu_without_a_driver_is_no_gpu(met: Newcomers) -> None:
    # nvidia-smi says what is wrong on standard output and exits with 9 (its manual page).
    said = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
    broken = '#!/bin/sh\necho "' + said + '"\nexit 9\n'
    met.of["no-driver"].machine.inside(f"cat > /usr/bin/nvidia-smi <<'END'\n{broken}END")
    with pytest.raises(StepFailed, match=r"0 working GPUs instead of 1.*couldn't communicate"):
        make_ready(met, "no-driver", Hardware(gpus=1))


def test_a_host_that_never_answers_ends_by_its_deadline(met: Newcomers) -> None:
    one = met.of["asleep"]
    trouble.drop(one.machine)
    began = time.monotonic()
    with pytest.raises(Unreachable, match="for 2 s"):
        met.threshold(seconds=2).make_ready(one.host, Hardware())
    assert time.monotonic() - began < 6
    trouble.heal(one.machine)
    assert make_ready(met, "asleep").name == "asleep"


@dataclass(frozen=True)
class Mortal:
    """Host keys of a program that is gone at `cut`, before or after it wrote."""

    state: FleetState
    cut: str
    reached: list[str] = field(default_factory=list)

    def host_keys(self, place: str, attempt: int) -> tuple[str, ...]:
        return self.state.host_keys(place, attempt)

    def pinned(self, place: str, attempt: int) -> str | None:
        return self.state.pinned(place, attempt)

    def pin(self, place: str, attempt: int, public: str) -> None:
        self.die_at("before the pin")
        self.state.pin(place, attempt, public)
        self.die_at("after the pin")

    def forget_bootstrap(self, place: str, attempt: int) -> None:
        self.die_at("at the end")
        self.state.forget_bootstrap(place, attempt)

    def tell(self, stage: str) -> None:
        cuts = {"making its own host key": "before it begins", "first boot": "after the change"}
        self.die_at(cuts.get(stage, ""))

    def die_at(self, point: str) -> None:
        if point == self.cut:
            self.reached.append(point)
            raise KeyboardInterrupt(point)


@pytest.fixture(scope="module")
def cut_off(yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomers]:
    """A host for each cut, named by it."""
    names = [_host_name(each) for each in (*CUTS, *TOOLS)]
    folder = tmp_path_factory.mktemp("cut") / "fleet"
    with newcomers(yard, folder, [Wish(name) for name in names]) as hosts:
        yield hosts


def _host_name(cut: str) -> str:
    return f"cut-{cut.replace(' ', '-')}"


def at_once(work: Callable[[str], None], names: tuple[str, ...]) -> None:
    """Each on a host of its own, so that waiting for one is not waiting for all."""
    with ThreadPoolExecutor(len(names)) as pool:
        for done in [pool.submit(work, name) for name in names]:
            done.result()


def has_own_key_only(hosts: Newcomers, name: str) -> None:
    own = hosts.state.pinned(name, 1)
    assert hosts.state.host_keys(name, 1) == (own,), name
    assert shown_keys(hosts.of[name]) == [own], name
    assert "ssh_host_" not in hosts.of[name].machine.inside("ls /etc/ssh"), name


def test_cut_off_after_any_step_of_ours_the_next_run_goes_on(cut_off: Newcomers) -> None:
    at_once(partial(_cut_ours, cut_off), CUTS)


def _cut_ours(hosts: Newcomers, cut: str) -> None:
    one = hosts.of[_host_name(cut)]
    mortal = Mortal(hosts.state, cut)
    threshold = Threshold(mortal, hosts.state.key_file, seconds=60)
    with pytest.raises(KeyboardInterrupt):
        threshold.make_ready(one.host, Hardware(), mortal.tell)
    assert mortal.reached == [cut]
    make_ready(hosts, one.name)
    has_own_key_only(hosts, one.name)


def test_a_host_that_breaks_off_anywhere_and_loses_power_lets_us_in_again(
    cut_off: Newcomers,
) -> None:
    at_once(partial(_cut_theirs, cut_off), TOOLS)


def _let_in(hosts: Newcomers, one: Newcomer) -> None:
    """Soon: an sshd that reads its settings anew listens to nobody for a moment."""
    deadline = time.monotonic() + 10
    while True:
        try:
            connect(hosts.threshold().login(one.host), seconds=10).close()
        except Unreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _cut_theirs(hosts: Newcomers, tool: str) -> None:
    one = hosts.of[_host_name(tool)]
    script = _BREAKS_OFF.format(tool=tool, when=_WHEN.get(tool, "*"))
    place = f"/usr/local/bin/{tool}"
    one.machine.inside(f"cat > {place} <<'END'\n{script}END\nchmod 755 {place}")
    with pytest.raises(CommandFailed):
        make_ready(hosts, one.name)
    assert one.machine.inside(f"rm {place}; ls /var/tmp/broken-off"), tool
    _let_in(hosts, one)
    one.power_cycle()
    make_ready(hosts, one.name)
    has_own_key_only(hosts, one.name)
