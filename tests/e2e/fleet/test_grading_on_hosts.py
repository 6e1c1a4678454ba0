"""`grading: {workers: hosts}`: the hosts with seats judge, also when one of them is lost; and the
evening of a class of which not everything can be fetched.

Real hosts (namespaces), real SSH, Dask's own TLS; the plug is pulled on a host while it judges.
"""

from __future__ import annotations

import asyncio
import json
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub_config.rehearsal.robot import Robot
from tests.cloud.cloud import Cloud
from tests.cloud.machines import trouble
from tests.cloud.machines.namespaces import NamespaceMachines
from tests.e2e.fleet.class_environments import class_environments
from tests.e2e.fleet.class_on_hosts import ClassOnHosts, write_class
from tests.e2e.fleet.living import living

ATTENDEES = ("ada", "alan", "barbara", "claude")
HOSTS = ("gpu-01", "gpu-02")
NAME = "graded"
STATE = f"/var/lib/workshop/{NAME}"
NOTEBOOK = "sums/sums.ipynb"
#: Answers that nobody has given before: what is known already is not run again.
QUICK = "def add(x, y):\n    return x + y  # {name}"
SLOW = "import time\ntime.sleep(8)\ndef add(x, y):\n    return x + y  # {name}"
#: Of three exercises the first is answered.
POINTS = 1.0


@dataclass(frozen=True)
class GradedClass:
    workshop: ClassOnHosts
    machines: NamespaceMachines

    def on_hub(self, command: str) -> str:
        said = self.workshop.cli("host", "exec", "--json", "--on", "hub", command).json
        return str(said["hub"]["output"])

    def judged(self) -> dict[str, int]:
        """Of the hosts that are connected: how many submissions each has run."""
        hosts = self.workshop.cli("status", "--json").json["hub"]["grading_hosts"]
        return {each["name"]: each["judged"] for each in hosts if each["connected"]}

    def points(self) -> dict[str, float]:
        """By attendee, of those whose submission was judged."""
        report = self.workshop.cli("report", "--json").json
        return {
            each["attendee"]: sum(cell["score"] for cell in each["cells"])
            for each in report["results"]["submissions"]
        }

    def copy_homes(self) -> None:
        """As if the interval of the backup were over."""
        names = " ".join(f"run/copy-now/{name}" for name in ATTENDEES)
        self.on_hub(f"cd {STATE} && touch {names}")
        until(lambda: set(self._copied()) == set(ATTENDEES), 60)

    def _copied(self) -> list[str]:
        seats: dict[str, Any] = json.loads(self.on_hub(f"cat {STATE}/hub/backups.json"))["seats"]
        return [name for name, each in seats.items() if name in ATTENDEES and each.get("at")]

    def pull_the_plug(self, host: str) -> None:
        trouble.kill(self.machines.host(living(self.workshop.cloud)[host]))


@pytest.fixture(scope="module")
def graded() -> Iterator[GradedClass]:
    with tempfile.TemporaryDirectory(prefix="workshop-graded-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        machines = NamespaceMachines(image=class_environments().layers)
        with Cloud(machines=machines) as cloud:
            grading = "grading: {workers: hosts}"
            workshop = write_class(
                folder, cloud, name=NAME, attendees=ATTENDEES, gpus=len(HOSTS), more=grading
            )
            yield GradedClass(workshop, machines)


@pytest.mark.thorough
@pytest.mark.timeout(900)
async def test_hosts_grade_and_the_loss_of_one_costs_nobody_a_mark(graded: GradedClass) -> None:
    workshop = graded.workshop
    assert "does not grade" not in workshop.up().stdout
    workshop.cli("release")
    seats = workshop.seat_map()
    async with AsyncExitStack() as stack:
        robots = [await stack.enter_async_context(workshop.robot(name)) for name in ATTENDEES]
        await asyncio.gather(*(robot.fetch("nlp", "sums") for robot in robots))
        await asyncio.gather(*(_hand_in(robot, QUICK) for robot in robots))
        await asyncio.gather(*(robot.wait_for_feedback() for robot in robots))
        seen = await asyncio.to_thread(graded.judged)
        assert set(seen) == set(HOSTS)
        assert all(seen.values())
        assert sum(seen.values()) == len(ATTENDEES)
        await asyncio.to_thread(graded.copy_homes)

        await asyncio.gather(*(_hand_in(robot, SLOW) for robot in robots))
        await asyncio.sleep(3)  # both hosts are at it
        await asyncio.to_thread(graded.pull_the_plug, "gpu-02")
        there = [robot for robot in robots if seats[robot.username] == "gpu-01"]
        assert there
        await asyncio.gather(*(robot.wait_for_feedback() for robot in there))
    await asyncio.to_thread(until, lambda: _all_judged(graded), 120)
    assert graded.points() == dict.fromkeys(ATTENDEES, POINTS)
    assert set(graded.judged()) == {"gpu-01"}
    _evening(graded)


def _evening(graded: GradedClass) -> None:
    """A home can't be copied any more: `down` ends nothing, until it is told to go on."""
    workshop = graded.workshop
    refused = workshop.cli("down", "--yes", check=False)
    assert refused.status == 1
    assert "down --leave-work" in refused.stderr
    listed = workshop.cli("host", "list", "--json").json
    assert {each["host"]["name"] for each in listed} == {"hub", "gpu-01"}

    said = workshop.cli("down", "--leave-work", "--yes").stdout
    assert "Nothing is left." in said
    assert workshop.cloud.inventory() == ()
    (archive,) = workshop.paths.archive.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    for name in ATTENDEES:  # also of those who sat on the lost host: as of their last copy
        assert any(each.endswith(f"/{name}.tar.gz") for each in names), f"no home of {name}"
        submissions = [each for each in names if f"submissions/sums/{name}/" in each]
        assert sum(each.endswith(".zip") for each in submissions) == 2, submissions


async def _hand_in(robot: Robot, answer: str) -> None:
    notebook = await robot.read_notebook(NOTEBOOK)
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "add":
            cell["source"] = answer.format(name=robot.username)
    await robot.write_notebook(NOTEBOOK, notebook)
    await robot.submit("nlp", "sums")


def _all_judged(graded: GradedClass) -> bool:
    """Everybody's second submission has its verdict."""
    listed = graded.on_hub(f"ls {STATE}/course/verdicts/*/*/*.json || true")
    per_attendee = [sum(f"/{name}/" in line for line in listed.split()) for name in ATTENDEES]
    return per_attendee == [2] * len(ATTENDEES)


def until(happened: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(1)
