"""Two hosts with a real kernel, systemd and cloud-init, worked through the command line.

One long test, because a boot under emulation costs 40 s of processor time. It shows what
namespace hosts can't: that cloud-init itself takes our user-data, that systemd holds the
deadline, and that a reboot is one.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from provisioning.fleet import Address
from provisioning.ssh.connection import connect
from provisioning.ssh.errors import HostKeyChanged
from provisioning.ssh.login import Login
from tests.cloud.cloud import Cloud
from tests.cloud.machines.qemu import QemuMachines
from tests.cloud.machines.qemu_machine import QemuMachine
from tests.e2e.fleet.fleet_at_work import PROJECT, FleetAtWork
from tests.e2e.fleet.living import living

SPEC = """\
name: real
course: {course}
track: first-look
seats: 2
hosts:
  provider: ec2
  region: us-east-1
  access: 198.18.0.0/15
  hours: 4
  hub: {{types: [t3.large], environments: []}}
  gpu: {{count: 1, types: [g4dn.xlarge], environments: []}}
"""
#: Everything at once: a login under emulation costs seconds.
LOOK = """
echo init=$(cat /proc/1/comm)
echo cloud-init=$(cloud-init status --wait | tr -d '.\\n' | sed 's/status: //')
echo name=$(hostname)
echo keys=$(cd /etc/ssh && echo *host*key)
echo deadline=$(systemctl is-active workshop-deadline.timer)
echo next=$(systemctl show --value --property NextElapseUSecRealtime workshop-deadline.timer)
echo metadata=$(systemctl is-active workshop-metadata.service)
echo rule=$(nft list table inet workshop_metadata | grep -c 169.254.169.254)
echo failed=$(systemctl --failed --plain --no-legend | wc -l)
echo boot=$(cat /proc/sys/kernel/random/boot_id)
"""
TIMER = "/etc/systemd/system/workshop-deadline.timer"


@pytest.fixture
def machines() -> QemuMachines:
    return QemuMachines()


@pytest.fixture
def fleet(machines: QemuMachines) -> Iterator[FleetAtWork]:
    with tempfile.TemporaryDirectory(prefix="workshop-real-") as name:
        folder = Path(name)
        spec = SPEC.format(course=PROJECT / "coursework" / "nlp")
        (folder / "workshop.yaml").write_text(spec)
        with Cloud(machines=machines) as cloud:
            yield FleetAtWork(folder, cloud)


@pytest.mark.thorough
@pytest.mark.timeout(900)
def test_real_machines_boot_hold_their_deadline_and_come_back(
    fleet: FleetAtWork, machines: QemuMachines
) -> None:
    assert "2 of 2 hosts are ready." in fleet.cli("up", "--yes").stdout
    first = _look(fleet, "hub", "gpu-01")
    for name, seen in first.items():
        _booted_as_told(name, seen)
        assert "WARNING" not in _machine(fleet, machines, name).console()  # by cloud-init
    _bootstrap_key_is_refused(fleet, machines)

    _end_soon(fleet, "gpu-01")
    hub = _machine(fleet, machines, "hub")
    fleet.cli("host", "exec", "--seconds", "100", "--on", "hub", "systemctl reboot", check=False)
    _until(lambda: hub.state == "booting", seconds=200)
    hub.wait("up", seconds=300)
    _until(lambda: "gpu-01" not in living(fleet.cloud), seconds=200)

    again = _look(fleet, "hub")["hub"]
    assert again["boot"] != first["hub"]["boot"]
    _booted_as_told("hub", again)

    fleet.cli("down", "--yes")
    assert fleet.cloud.inventory() == ()


def _look(fleet: FleetAtWork, *names: str) -> dict[str, dict[str, str]]:
    """What the hosts say of themselves, over SSH with their pinned keys."""
    on = [word for name in names for word in ("--on", name)]
    said = fleet.cli("host", "exec", "--json", "--seconds", "200", *on, LOOK).json
    return {
        name: dict(line.partition("=")[::2] for line in each["output"].split("\n") if line)
        for name, each in said.items()
    }


def _booted_as_told(name: str, seen: dict[str, str]) -> None:
    assert seen["init"] == "systemd"
    assert seen["cloud-init"] == "done"
    assert seen["name"] == name
    assert seen["keys"] == "workshop_host_ed25519_key"  # the one of the user-data is gone
    assert seen["deadline"] == seen["metadata"] == "active"
    assert seen["rule"] == "1"
    assert seen["failed"] == "0"
    planned = datetime.now(UTC) + timedelta(hours=4)
    told = datetime.strptime(seen["next"], "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    assert timedelta() < planned - told < timedelta(minutes=20)


def _bootstrap_key_is_refused(fleet: FleetAtWork, machines: QemuMachines) -> None:
    """Whoever read the user-data can't pretend to be the host any more."""
    machine = _machine(fleet, machines, "hub")
    told = yaml.safe_load(machine.wish.user_data)["ssh_keys"]["ed25519_public"]
    key_file = fleet.folder / "state" / "real" / "fleet" / "key"
    with pytest.raises(HostKeyChanged):
        connect(Login(Address(machine.addresses.public), key_file, (told,)), seconds=60)


def _end_soon(fleet: FleetAtWork, name: str) -> None:
    """Set the deadline as `workshop extend` does, but to a near one."""
    at = datetime.now(UTC) + timedelta(seconds=40)
    fleet.cli(
        *("host", "exec", "--seconds", "200", "--on", name),
        f"sed -i 's/^OnCalendar=.*/OnCalendar={at:%Y-%m-%d %H:%M:%S} UTC/' {TIMER} && "
        "systemctl daemon-reload && systemctl restart workshop-deadline.timer",
    )


def _machine(fleet: FleetAtWork, machines: QemuMachines, name: str) -> QemuMachine:
    return machines.host(living(fleet.cloud)[name])


def _until(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.5)
