"""One small workshop in a real account, worked through the command line."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.live.account import Account, check_budget
from tests.said import Said

PROJECT = Path(__file__).parents[2]

SPEC = """\
name: {name}
course: {course}
track: first-look
seats: 2
environments: {{small: small.yml}}
hosts:
  provider: ec2
  region: {region}
  access: auto
  hours: {hours}
  hub: {{types: [t3.small], disk: 16G, environments: [small]}}
  arm: {{count: 1, types: [t4g.small], disk: 16G}}
"""

GPU = """\
  gpu: {count: 1, types: [g4dn.xlarge], market: spot, environments: [small]}
"""

SMALL = """\
name: small
channels: [conda-forge]
dependencies:
  - python=3.11
  - numpy
"""

#: A whole `up` on EC2 takes some minutes; a command that takes longer than this hangs.
COMMAND_SECONDS = 1800


@dataclass(frozen=True)
class LiveWorkshop:
    """An instructor's folder, and the account that the command line meets."""

    name: str
    folder: Path
    account: Account

    def write(self, *, hours: float) -> None:
        """workshop.yaml and an environment; `hours` is the deadline of every host."""
        course = PROJECT / "coursework" / "nlp"
        text = SPEC.format(
            name=self.name, course=course, region=self.account.region, hours=hours
        ) + (GPU if self.account.gpu else "")
        (self.folder / "workshop.yaml").write_text(text)
        (self.folder / "small.yml").write_text(SMALL)

    @property
    def names(self) -> list[str]:
        return ["arm-01", *(["gpu-01"] if self.account.gpu else []), "hub"]

    def cli(self, *words: str, check: bool = True) -> Said:
        finished = subprocess.run(
            self.command(*words),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        said = Said(finished.returncode, finished.stdout, finished.stderr)
        assert not check or said.status == 0, f"{words}\n{said.stdout}\n{said.stderr}"
        return said

    def command(self, *words: str) -> list[str]:
        program = Path(sys.executable).with_name("workshop")
        return [str(program), "-f", str(self.folder / "workshop.yaml"), *words]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "WORKSHOP_STATE": str(self.folder / "state")}

    def check_budget(self) -> None:
        """Raises Refused unless `up` is affordable; to be called before the first `up`."""
        check_budget(self.cli("plan", "--json").json, self.account)

    def up(self) -> None:
        """Within the budget, or not at all."""
        self.check_budget()
        self.cli("up", "--yes")

    def instances(self) -> list[dict[str, Any]]:
        """What EC2 itself says: every instance with our tag that may still cost money."""
        ec2 = boto3.client("ec2", region_name=self.account.region)
        pages = ec2.get_paginator("describe_instances").paginate(Filters=[self._ours()])
        found = [
            one for page in pages for each in page["Reservations"] for one in each["Instances"]
        ]
        return [one for one in found if one["State"]["Name"] not in ("terminated", "shutting-down")]

    def leftovers(self) -> list[str]:
        """Ids of everything of ours, asked of EC2 without any code of the project."""
        ec2 = boto3.client("ec2", region_name=self.account.region)
        ours = [self._ours()]
        left = [one["InstanceId"] for one in self.instances()]
        left += [one["VolumeId"] for one in ec2.describe_volumes(Filters=ours)["Volumes"]]
        groups = ec2.describe_security_groups(Filters=ours)["SecurityGroups"]
        left += [one["GroupId"] for one in groups]
        left += [one["KeyPairId"] for one in ec2.describe_key_pairs(Filters=ours)["KeyPairs"]]
        interfaces = ec2.describe_network_interfaces(Filters=ours)["NetworkInterfaces"]
        left += [one["NetworkInterfaceId"] for one in interfaces]
        left += [one["AllocationId"] for one in ec2.describe_addresses(Filters=ours)["Addresses"]]
        return left

    def _ours(self) -> dict[str, Any]:
        return {"Name": "tag:workshop:name", "Values": [self.name]}


@contextmanager
def live_workshop(folder: Path, account: Account) -> Iterator[LiveWorkshop]:
    """A workshop with a name that nobody has; the end of the block ends it at AWS.

    Besides, every host ends itself at its deadline, even if this computer dies here.
    """
    workshop = LiveWorkshop(f"live-{secrets.token_hex(4)}", folder, account)
    try:
        yield workshop
    finally:
        if (folder / "workshop.yaml").exists():
            _end(workshop)


def _end(workshop: LiveWorkshop) -> None:
    """`down`, up to three times, and then a look that owes nothing to it."""
    said = ""
    for _ in range(3):
        ended = workshop.cli("down", "--yes", check=False)
        said += ended.stderr
        if ended.status == 0:
            break
    left = workshop.leftovers()
    assert ended.status == 0, f"{said}\nleft of {workshop.name}: {left}"
    assert not left, f"END THESE BY HAND, they cost money: {workshop.name}: {left}"
