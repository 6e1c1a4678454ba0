"""A workshop with hosts, worked through the command line, in a cloud of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.channel.channel import channel
from tests.cloud.cloud import Cloud
from tests.said import Said

PROJECT = Path(__file__).parents[3]

SPEC = """\
name: {name}
course: {course}
track: first-look
seats: 8
environments: {{toy: toy.yml}}
hosts:
  provider: ec2
  region: us-east-1
  access: 198.18.0.0/15
  hours: 4
  spare: 1
  hub: {{types: [t3.large], environments: [toy]}}
  gpu: {{count: {gpus}, types: [g4dn.xlarge, g5.xlarge], market: spot, environments: [toy]}}
"""

TOY = """\
name: toy
channels: [tests]
dependencies:
  - python=3.11
  - six
  - markupsafe
"""


@dataclass(frozen=True)
class FleetAtWork:
    """One instructor's folder, and the cloud that the command line meets."""

    folder: Path
    cloud: Cloud

    def cli(self, *words: str, check: bool = True, file: bool = True) -> Said:
        environment = {
            **os.environ,
            **self.cloud.environment(),
            "WORKSHOP_STATE": str(self.folder / "state"),
            "WORKSHOP_CHANNEL": f"tests={channel().url}",
        }
        named = ["-f", str(self.folder / "workshop.yaml")] if file else []
        finished = subprocess.run(
            [Path(sys.executable).with_name("workshop"), *named, *words],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        said = Said(finished.returncode, finished.stdout, finished.stderr)
        assert not check or said.status == 0, f"{words}\n{said.stdout}\n{said.stderr}"
        return said


def write_fleet(folder: Path, cloud: Cloud, *, name: str, gpus: int) -> FleetAtWork:
    """workshop.yaml and an environment of a few packages, in the instructor's folder."""
    course = PROJECT / "coursework" / "nlp"
    (folder / "workshop.yaml").write_text(SPEC.format(name=name, gpus=gpus, course=course))
    (folder / "toy.yml").write_text(TOY)
    return FleetAtWork(folder, cloud)
