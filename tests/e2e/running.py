"""A real workshop for a test: driven through the command line as an instructor would."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub_config.install import free_ports
from hub_config.rehearsal.robot import Robot
from hub_config.settings import HubSettings, Secrets
from provisioning.paths import StatePaths

WORKSHOP = Path(sys.executable).with_name("workshop")
COURSE = Path(__file__).parent / "course"
_CODE = re.compile(r"\b\d{2,3}-[0-9A-Z]{4}-[0-9A-Z]{4}\b")


@dataclass
class RunningWorkshop:
    """`codes` is username to seat code, as printed when the seats were made."""

    spec: Path
    paths: StatePaths
    codes: dict[str, str] = field(default_factory=dict)

    def cli(
        self, *arguments: str, check: bool = True, patience: int = 280
    ) -> subprocess.CompletedProcess[str]:
        """One command line, to its end."""
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=patience, check=False
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    def command(self, *arguments: str) -> list[str]:
        """For tests that start the command themselves, to kill it."""
        return [str(WORKSHOP), "-f", str(self.spec), "--state", str(self.paths.root), *arguments]

    def up(self, *options: str) -> None:
        """Up, and remember the seat codes that it prints."""
        self.learn_codes(self.cli("up", *options).stdout)

    def learn_codes(self, output: str) -> None:
        """Remember the seat codes in what `up` printed; they are printed once."""
        rows = [line.split("│") for line in output.splitlines() if _CODE.search(line)]
        self.codes |= {row[4].strip(): row[5].strip() for row in rows}

    def down(self) -> None:
        self.cli("down", "--yes")

    @property
    def settings(self) -> HubSettings:
        return HubSettings.model_validate_json((self.paths.hub / "settings.json").read_text())

    @property
    def secrets(self) -> Secrets:
        return Secrets.model_validate_json(self.settings.secrets_file.read_text())

    @property
    def address(self) -> str:
        return self.settings.address

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.cli("status", "--json").stdout))

    def grades(self) -> dict[tuple[str, str], dict[str, float]]:
        """{(attendee, lab): {check: points}} as the gradebook has them."""
        results = json.loads(_last_json(self.cli("report", "--json").stdout))["results"]
        return {
            (each["attendee"], each["lab"]): {
                cell["exercise"]["cell"]: cell["score"] for cell in each["cells"]
            }
            for each in results["submissions"]
        }

    def points(self) -> dict[str, dict[str, float]]:
        """{lab: {check: points}}: what each check is worth."""
        results = json.loads(_last_json(self.cli("report", "--json").stdout))["results"]
        return {
            lab["name"]: {each["cell"]: each["points"] for each in lab["exercises"]}
            for lab in results["labs"]
        }

    @asynccontextmanager
    async def robot(self, username: str) -> AsyncIterator[Robot]:
        """A browser of `username`, logged in, with a running server."""
        robot = Robot(self.address, self.codes[username])
        try:
            await robot.log_in()
            await robot.get_server()
            yield robot
        finally:
            await robot.close()


def write_workshop(
    root: Path,
    name: str,
    attendees: Sequence[str],
    course: Path = COURSE,
    extra: str = "",
    instructor: str = "grace",
    on_submit: bool = False,
) -> RunningWorkshop:
    """A folder with workshop.yaml and roster.csv: an instructor and the attendees.

    Most tests say themselves when is graded, so nothing is graded by itself unless asked for.
    """
    folder = root / f"{name}-files"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(root / name, ignore_errors=True)
    folder.mkdir(parents=True)
    people = [f"Grace Hopper,{instructor}@example.org,instructor"]
    people += [f"{each.title()},{each}@example.org,attendee" for each in attendees]
    (folder / "roster.csv").write_text("\n".join(["name,email,role", *people]) + "\n")
    spec = folder / "workshop.yaml"
    port = free_ports(1)[0]
    spec.write_text(
        f"name: {name}\ncourse: {course}\nroster: roster.csv\nhub: {{port: {port}}}\n"
        f"grading: {{on_submit: {str(on_submit).lower()}}}\n{extra}"
    )
    return RunningWorkshop(spec, StatePaths(root, name))


def _last_json(text: str) -> str:
    """The JSON document at the end of a command's output."""
    return text[text.index("{\n") :]
