"""A class whose hub is on one host and whose seats are on four others, from nothing to nothing.

Real hosts (namespaces), the real hub environment, real SSH; the instructor's computer only runs
`workshop`. Attendees are robots that come in at the public address.
"""

from __future__ import annotations

import asyncio
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cloud.cloud import Cloud
from tests.cloud.machines.namespaces import NamespaceMachines
from tests.e2e.fleet.class_environments import class_environments
from tests.e2e.fleet.class_on_hosts import ClassOnHosts, write_class

ATTENDEES = ("ada", "alan", "barbara", "claude", "donald", "edsger", "frances", "john")
HOSTS = ("gpu-01", "gpu-02", "gpu-03", "gpu-04")
#: Its own host, by a file that every host has made for itself, and the GPU that it may use.
WHERE = """
import os
print(open("/etc/machine-id").read().strip(), os.environ.get("CUDA_VISIBLE_DEVICES"))
"""


@pytest.fixture(scope="module")
def workshop() -> Iterator[ClassOnHosts]:
    with tempfile.TemporaryDirectory(prefix="workshop-class-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # environments are tried under an account that owns nothing
        machines = NamespaceMachines(image=class_environments().layers)
        with Cloud(machines=machines) as cloud:
            yield write_class(folder, cloud, name="class", attendees=ATTENDEES, gpus=len(HOSTS))


@pytest.mark.timeout(900)
async def test_a_class_on_five_hosts_from_nothing_to_nothing(workshop: ClassOnHosts) -> None:
    workshop.up()
    assert set(workshop.codes) == {*ATTENDEES, "grace"}
    seen = workshop.look()
    assert {seen.seats[name] for name in ATTENDEES} == set(HOSTS)
    assert seen.seats["grace"] == "hub"
    assert not seen.pages  # codes are in the instructor's hands alone
    _the_hub_is_believed_by_its_authority_alone(workshop)
    _commands_are_carried(workshop)

    journeys = await asyncio.gather(*(_work(workshop, name) for name in ATTENDEES))
    for name, (machine_id, gpu) in zip(ATTENDEES, journeys, strict=True):
        assert machine_id == seen.machine_ids[seen.seats[name]], f"not where {name} was placed"
        assert gpu == "0"

    _down(workshop)


async def _work(workshop: ClassOnHosts, name: str) -> tuple[str, ...]:
    """Log in, run a cell, hand a lab in, read the feedback; where the cell ran."""
    async with workshop.robot(name) as robot:
        where = await robot.run_cell("nlp-cpu", WHERE)
        await robot.fetch("nlp", "sums")
        await robot.submit("nlp", "sums")
        await robot.wait_for_feedback()
        return tuple(where.split())


def _the_hub_is_believed_by_its_authority_alone(workshop: ClassOnHosts) -> None:
    assert workshop.address.startswith("https://")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{workshop.address}/hub/login", trust_env=False)


def _commands_are_carried(workshop: ClassOnHosts) -> None:
    assert "sums: released" in workshop.cli("release").stdout
    refused = workshop.cli("seat", "reissue", "nobody", check=False)
    assert refused.status == 2
    assert "nobody has no seat" in refused.stderr
    status = workshop.cli("status", "--json").json
    assert status["hub"]["up"]
    assert {each["username"] for each in status["hub"]["seats"] if each["running"]} >= {
        *ATTENDEES,
        "grace",
    }
    cards = workshop.paths.home / "cards.html"
    assert workshop.codes["ada"] in cards.read_text()


def _down(workshop: ClassOnHosts) -> None:
    report = workshop.cli("report").stdout
    grades = Path(report.split("Grades: ")[1].strip())
    assert grades.is_relative_to(workshop.paths.reports)
    assert all(name in grades.read_text() for name in ATTENDEES)

    said = workshop.cli("down", "--yes").stdout
    assert "Nothing is left." in said
    assert workshop.cloud.inventory() == ()
    (archive,) = workshop.paths.archive.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert "course/gradebook.db" in names
    for name in ATTENDEES:
        assert any(each.endswith(f"/{name}.tar.gz") for each in names), f"no home of {name}"
        assert any(f"submissions/sums/{name}/" in each for each in names)
    journal = workshop.paths.fleet / "journal.jsonl"
    for line in journal.read_text().splitlines():
        assert "PRIVATE KEY" not in json.dumps(json.loads(line))
