"""A class whose hub is on one host and whose seats are on four others, from nothing to nothing.

Real hosts (namespaces), the real hub environment, real SSH; the instructor's computer only runs
`workshop`. Attendees come in at the public address: Ada in Chromium, the others are robots. The
pictures of the docs are taken here:

    WORKSHOP_SCREENSHOTS=docs/images pytest tests/e2e/fleet/test_seats_on_hosts.py
"""

from __future__ import annotations

import asyncio
import json
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Error as BrowserError

from tests.cloud.cloud import Cloud
from tests.cloud.machines.namespace_host import NamespaceHost
from tests.cloud.machines.namespaces import NamespaceMachines
from tests.e2e.browser import Lab, Visitor, chromium, chromium_beside
from tests.e2e.fleet.class_environments import class_environments
from tests.e2e.fleet.class_on_hosts import ClassOnHosts, write_class
from tests.e2e.fleet.living import living
from tests.e2e.handing_in import RIGHT

ROBOTS = ("alan", "barbara", "claude", "donald", "edsger", "frances", "john")
ATTENDEES = ("ada", *ROBOTS)
HOSTS = ("gpu-01", "gpu-02", "gpu-03", "gpu-04")
#: Its own host, by a file that every host has made for itself, and the GPU that it may use.
WHERE = """
import os
print(open("/etc/machine-id").read().strip(), os.environ.get("CUDA_VISIBLE_DEVICES"))
"""
#: Of the program that starts seats; as a pattern that does not find itself.
SERVICE = "hub_config[.]seat_host[.]service"


@pytest.fixture(scope="module")
def machines() -> NamespaceMachines:
    return NamespaceMachines(image=class_environments().layers)


@pytest.fixture(scope="module")
def workshop(machines: NamespaceMachines) -> Iterator[ClassOnHosts]:
    with tempfile.TemporaryDirectory(prefix="workshop-class-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # environments are tried under an account that owns nothing
        with Cloud(machines=machines) as cloud:
            yield write_class(folder, cloud, name="class", attendees=ATTENDEES, gpus=len(HOSTS))


@pytest.mark.timeout(900)
async def test_a_class_on_five_hosts_from_nothing_to_nothing(
    workshop: ClassOnHosts, machines: NamespaceMachines, images: Path
) -> None:
    workshop.up()
    assert set(workshop.codes) == {*ATTENDEES, "grace"}
    seen = workshop.look()
    assert {seen.seats[name] for name in ATTENDEES} == set(HOSTS)
    assert seen.seats["grace"] == "hub"
    assert not seen.pages  # codes are in the instructor's hands alone
    _the_hub_is_believed_by_its_authority_alone(workshop)
    _commands_are_carried(workshop)

    host_of_ada = machines.host(living(workshop.cloud)[seen.seats["ada"]])
    journeys = await asyncio.gather(
        _in_chromium(workshop, images, host_of_ada),
        *(_work(workshop, name) for name in ROBOTS),
    )
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


async def _in_chromium(
    workshop: ClassOnHosts, images: Path, host: NamespaceHost
) -> tuple[str, ...]:
    """The same as a person does it, who has imported the certificate; where the cell ran."""
    await asyncio.to_thread(_a_browser_that_has_not_refuses, workshop, images)
    async with chromium_beside(workshop.address, images, workshop.authority) as (thread, visit):
        ada = await thread.do(visit)
        await thread.do(_come_in, ada, workshop.codes["ada"], host)
        where = await thread.do(_work_on_the_lab, ada)
        await thread.do(_read_the_feedback, ada)
        assert ada.complaints == []
        return where


def _a_browser_that_has_not_refuses(workshop: ClassOnHosts, images: Path) -> None:
    refused = pytest.raises(BrowserError, match="ERR_CERT_AUTHORITY_INVALID")
    with chromium(workshop.address, images) as visit, refused:
        visit().open("/")


def _come_in(ada: Visitor, code: str, host: NamespaceHost) -> None:
    """By the code to JupyterLab; and once more to a server that was stopped, on a busy host."""
    ada.enter(code)
    ada.page.wait_for_url("**/user/ada/lab**")
    ada.page.locator(".jp-LauncherCard").first.wait_for()
    ada.open("/hub/home")
    ada.page.get_by_role("button", name="Stop it").click()
    ada.page.get_by_text("Your labs are a moment away").wait_for()
    with _frozen(host):
        ada.page.get_by_role("main").get_by_role("link", name="JupyterLab").click()
        ada.page.get_by_role("heading", name="Your seat is being made ready").wait_for()
    ada.page.wait_for_url("**/user/ada/lab**")


@contextmanager
def _frozen(host: NamespaceHost) -> Iterator[None]:
    """Nothing is started there; for less time than it takes until the host counts as silent."""
    host.inside(f"pkill -STOP -f '{SERVICE}'")
    try:
        yield
    finally:
        host.inside(f"pkill -CONT -f '{SERVICE}'")


def _work_on_the_lab(ada: Visitor) -> tuple[str, ...]:
    """Fetch, run, answer, validate, submit; what a cell of her own says."""
    lab = Lab(ada.page)
    lab.open_assignments()
    lab.fetch("sums")
    lab.open_notebook("sums")
    shown = lab.run_new_cell(WHERE.strip())
    where = shown.inner_text()
    for name, code in RIGHT.items():
        lab.answer(f"def {name}", code)
    lab.wait_until_idle()
    ada.shoot("seat-on-a-host")
    found = lab.validate()
    # The third exercise is still empty.
    assert "The following cell failed" in found
    assert "total([1, 2, 3])" in found
    lab.close_dialog()
    lab.show_tab("Assignments")
    lab.submit("sums")
    return tuple(where.split())


def _read_the_feedback(ada: Visitor) -> None:
    page = Lab(ada.page).open_newest_feedback("sums")
    assert "3 of 6 points" in page.inner_text("body")


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
