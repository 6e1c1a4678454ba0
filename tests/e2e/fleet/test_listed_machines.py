"""A class on machines that were there before it: afterwards they run on, with nothing of it."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cloud.cloud import Cloud
from tests.cloud.machines.yard import PlainHost, Yard, namespace_hosts
from tests.e2e.fleet.class_environments import class_environments
from tests.e2e.fleet.class_on_hosts import ClassOnHosts, write_class

NAME = "listed"
GRADING = "grading: {workers: hosts}"
#: Everything of ours that can be on a machine, a line each; of the person's nothing may be here.
LOOK = r"""
ls -d /opt/workshop /etc/workshop /run/workshop /var/lib/workshop-* 2>/dev/null
find /var/lib/workshop -mindepth 1 -maxdepth 1 2>/dev/null
ls -d /etc/systemd/system/workshop-* /etc/systemd/enabled-here/workshop-* 2>/dev/null
ls -d /etc/ssh/sshd_config.d/*workshop* /etc/sysctl.d/*workshop* 2>/dev/null
grep -o workshop-link /root/.ssh/authorized_keys
getent passwd | cut -d: -f1 | grep -E '^(ws-|workshop)'
nft list tables 2>/dev/null | grep workshop
true
"""
PROCESSES = "ps -eo args | grep '/opt/[w]orkshop' || true"
#: The environments of the class are on the machines' image: `down` takes them for its own.
IMAGE = "/opt/workshop"
WORK = f"/var/lib/workshop/{NAME}"


@dataclass(frozen=True)
class ListedClass:
    workshop: ClassOnHosts
    machines: tuple[PlainHost, ...]

    def left(self) -> list[list[str]]:
        return [
            (each.machine.inside(LOOK) + each.machine.inside(PROCESSES)).splitlines()
            for each in self.machines
        ]


@pytest.fixture(scope="module")
def listed() -> Iterator[ListedClass]:
    with tempfile.TemporaryDirectory(prefix="workshop-listed-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with (
            Yard(image=class_environments().layers) as yard,
            namespace_hosts(2, yard=yard, prefix="listed") as machines,
            Cloud() as cloud,
        ):
            made = write_class(folder, cloud, name=NAME, attendees=("ada",), gpus=0, more=GRADING)
            _machines_in_place_of_a_cloud(made, machines)
            yield ListedClass(made, machines)


def _machines_in_place_of_a_cloud(workshop: ClassOnHosts, machines: tuple[PlainHost, ...]) -> None:
    spec = workshop.folder / "workshop.yaml"
    before, _, _ = spec.read_text().partition("hosts:")
    lines = [f"hosts:\n  provider: hosts\n  key: {machines[0].key_file}\n  machines:"]
    for name, machine in zip(("hub", "gpu-01"), machines, strict=True):
        role, environments = name.partition("-")[0], "[hub]" if name == "hub" else "[]"
        lines.append(
            f"    - {{name: {name}, role: {role}, address: {machine.addresses.public}, "
            f"private_address: {machine.addresses.private}, environments: {environments}, "
            f'host_key: "{machine.host_key}"}}'
        )
    spec.write_text(f"{before}{chr(10).join(lines)}\n{GRADING}\n")


@pytest.mark.thorough
@pytest.mark.timeout(900)
async def test_machines_of_a_list_are_left_as_they_were(listed: ListedClass) -> None:
    workshop = listed.workshop
    assert listed.left() == [[IMAGE], [IMAGE]]
    workshop.up()
    workshop.cli("release")
    async with workshop.robot("ada") as robot:
        await robot.fetch("nlp", "sums")
        await robot.submit("nlp", "sums")
        await robot.wait_for_feedback()
    assert all(len(found) > 5 for found in listed.left())

    said = workshop.cli("down", "--leave-work", "--yes")
    assert f"stays on the machines, in {WORK}" in said.stderr
    assert listed.left() == [[WORK], [WORK]]
    (archive,) = workshop.paths.archive.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        assert any("submissions/sums/ada/" in name for name in tar.getnames())

    assert "Nothing is left." in workshop.cli("down", "--yes").stdout
    assert listed.left() == [[], []]
    assert all(each.machine.state == "up" for each in listed.machines)
