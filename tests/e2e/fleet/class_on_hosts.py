"""A class on hosts of the tests' cloud: an instructor's folder, its command line, its attendees."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hub_config.rehearsal.robot import Robot
from provisioning.paths import StatePaths
from tests.cloud.cloud import Cloud
from tests.e2e.fleet.class_environments import class_environments, mirrors
from tests.said import Said

PROJECT = Path(__file__).parents[3]
COURSE = PROJECT / "tests" / "e2e" / "course"
_CODE = re.compile(r"\b\d{2,3}-[0-9A-Z]{4}-[0-9A-Z]{4}\b")
_ADDRESS = re.compile(r"^The hub is at (\S+)$", re.MULTILINE)

SPEC = """\
name: {name}
course: {course}
roster: roster.csv
environments: {{hub: {hub}, nlp-cpu: {kernel}}}
seat: {{memory: 1G, gpu: shared}}
hosts:
  provider: ec2
  region: us-east-1
  access: 198.18.0.0/15
  hours: 4
  spare: {spare}
  hub: {{types: [t3.large], environments: [hub]}}
{gpu}"""
GPU = "  gpu: {{count: {count}, types: [{type}], environments: []}}\n"


@dataclass(frozen=True)
class Look:
    """Machine ids by host; hosts by username; pages in the workshop's folder on the hub host."""

    machine_ids: dict[str, str]
    seats: dict[str, str]
    pages: tuple[str, ...]


@dataclass
class ClassOnHosts:
    """`codes`: username to seat code, as printed once. `patience`: seconds a command."""

    folder: Path
    cloud: Cloud
    name: str
    codes: dict[str, str] = field(default_factory=dict)
    address: str = ""
    patience: float = 400

    @property
    def paths(self) -> StatePaths:
        """On the instructor's computer."""
        return StatePaths(self.folder / "state", self.name)

    def cli(self, *words: str, check: bool = True, patience: float | None = None) -> Said:
        environment = {
            **os.environ,
            **self.cloud.environment(),
            "WORKSHOP_STATE": str(self.folder / "state"),
            "WORKSHOP_CHANNEL": mirrors(),
        }
        finished = subprocess.run(
            [
                Path(sys.executable).with_name("workshop"),
                *("-f", str(self.folder / "workshop.yaml")),
                *words,
            ],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=patience or self.patience,
            check=False,
        )
        said = Said(finished.returncode, finished.stdout, finished.stderr)
        crash = self.folder / "state" / "crash.log"
        why = crash.read_text() if crash.exists() else ""
        assert not check or said.status == 0, f"{words}\n{said.stdout}\n{said.stderr}\n{why}"
        return said

    def up(self) -> Said:
        """Up; remembers codes and address."""
        said = self.cli("up", "--yes")
        rows = [line.split("│") for line in said.stdout.splitlines() if _CODE.search(line)]
        self.codes |= {row[4].strip(): row[5].strip() for row in rows}
        found = _ADDRESS.search(said.stdout)
        assert found, said.stdout
        self.address = found[1]
        return said

    def look(self) -> Look:
        """At all hosts in one go: each login costs a second of a busy computer."""
        home = f"/var/lib/workshop/{self.name}"
        said = self.cli(
            "host",
            "exec",
            "--json",
            f"cat /etc/machine-id; cd {home}/hub 2>/dev/null || exit 0; ls ..; cat seat-map.json",
        ).json
        lines = {host: each["output"].split("\n", 1) for host, each in said.items()}
        names, _, placed = lines["hub"][1].partition("{")
        seats = json.loads("{" + placed)["placements"]
        return Look(
            {host: each[0] for host, each in lines.items()},
            {each["username"]: each["host"] for each in seats},
            tuple(name for name in names.split() if name.endswith(".html")),
        )

    def seat_map(self) -> dict[str, str]:
        """Username -> host, as the hub host has it; also when other hosts are silent."""
        file = f"/var/lib/workshop/{self.name}/hub/seat-map.json"
        said = self.cli("host", "exec", "--json", "--on", "hub", f"cat {file}").json
        placed = json.loads(said["hub"]["output"])["placements"]
        return {each["username"]: each["host"] for each in placed}

    @property
    def authority(self) -> Path:
        """The certificate that the instructor was offered."""
        return self.paths.home / "authority.pem"

    @asynccontextmanager
    async def robot(self, username: str) -> AsyncIterator[Robot]:
        """A browser of `username`, logged in at the public address, with a running server."""
        robot = Robot(self.address, self.codes[username], self.authority)
        try:
            await robot.log_in()
            await robot.get_server()
            yield robot
        finally:
            await robot.close()


def write_class(
    folder: Path,
    cloud: Cloud,
    *,
    name: str,
    attendees: tuple[str, ...],
    gpus: int,
    gpu_type: str = "g4dn.xlarge",
    more: str = "",
    spare: int = 0,
) -> ClassOnHosts:
    """workshop.yaml and a roster in the instructor's folder, with environments that are built.

    `more`: lines at the end of workshop.yaml.
    """
    environments = class_environments()
    environments.lend_to(folder / "state")
    people = ["Grace Hopper,grace@example.org,instructor"]
    people += [f"{each.title()},{each}@example.org,attendee" for each in attendees]
    (folder / "roster.csv").write_text("\n".join(["name,email,role", *people]) + "\n")
    text = SPEC.format(
        name=name,
        course=COURSE,
        hub=environments.file("hub"),
        kernel=environments.file("nlp-cpu"),
        spare=spare,
        gpu=GPU.format(count=gpus, type=gpu_type) if gpus else "",
    )
    (folder / "workshop.yaml").write_text(f"{text}{more}\n")
    return ClassOnHosts(folder, cloud, name)
