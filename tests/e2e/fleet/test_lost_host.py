"""A host is lost while two attendees work on it: they go on on the spare, and read what happened.

Real hosts (namespaces), real SSH and rsync, the real hub; the plug is pulled on the host. Ada and
Bob are robots; Ada has a window of Chromium open besides. The pictures of the docs are taken here:

    WORKSHOP_SCREENSHOTS=docs/images pytest tests/e2e/fleet/test_lost_host.py
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub_config.rehearsal.robot import Robot
from tests.cloud.cloud import Cloud
from tests.cloud.machines import trouble
from tests.cloud.machines.namespaces import NamespaceMachines
from tests.e2e.browser import Lab, Visitor, chromium_beside
from tests.e2e.fleet.class_environments import class_environments
from tests.e2e.fleet.class_on_hosts import ClassOnHosts, write_class
from tests.e2e.fleet.living import living

ATTENDEES = ("ada", "bob")
#: Is seen on the pictures.
NAME = "nlp-afternoon"
HOME = f"/var/lib/workshop/{NAME}"
NOTICED_SECONDS = 30
NEWS = re.compile(r'<div id="seat-news".*?</div>', re.DOTALL)


@dataclass(frozen=True)
class LostHostClass:
    """A class with one host for seats and a spare one."""

    workshop: ClassOnHosts
    machines: NamespaceMachines

    def pull_the_plug(self, host: str) -> None:
        trouble.kill(self.machines.host(living(self.workshop.cloud)[host]))

    def on_hub(self, command: str) -> str:
        said = self.workshop.cli("host", "exec", "--json", "--on", "hub", command).json
        return str(said["hub"]["output"])

    def state(self, file: str) -> Any:
        return json.loads(self.on_hub(f"cat {HOME}/{file}"))

    def copy_now(self) -> None:
        """As if the interval were over; the backup copies what has changed."""
        before = self.on_hub("date -u +%Y-%m-%dT%H:%M:%S.%N").strip()
        names = " ".join(f"run/copy-now/{name}" for name in ATTENDEES)
        self.on_hub(f"cd {HOME} && touch {names}")
        _wait(lambda: all(self._copied_at(name) > before for name in ATTENDEES), 30)

    def _copied_at(self, name: str) -> str:
        seats = self.state("hub/backups.json")["seats"]
        return str(seats.get(name, {}).get("at") or "")


@pytest.fixture(scope="module")
def lost() -> Iterator[LostHostClass]:
    with tempfile.TemporaryDirectory(prefix="workshop-lost-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        machines = NamespaceMachines(image=class_environments().layers)
        with Cloud(machines=machines) as cloud:
            workshop = write_class(folder, cloud, name=NAME, attendees=ATTENDEES, gpus=1, spare=1)
            workshop.up()
            yield LostHostClass(workshop, machines)


@pytest.mark.timeout(600)
async def test_a_host_that_dies_takes_nobodys_work_along(lost: LostHostClass, images: Path) -> None:
    workshop = lost.workshop
    await asyncio.to_thread(workshop.cli, "release")
    async with AsyncExitStack() as stack:
        robots = [await stack.enter_async_context(workshop.robot(name)) for name in ATTENDEES]
        grace = await stack.enter_async_context(workshop.robot("grace"))
        for robot in robots:
            await robot.fetch("nlp", "sums")
            await robot.submit("nlp", "sums")
            await _write(robot, "before.ipynb")
        await asyncio.to_thread(lost.copy_now)
        for robot in robots:
            await _write(robot, "after.ipynb")
        thread, visit = await stack.enter_async_context(
            chromium_beside(workshop.address, images, workshop.authority)
        )
        window = await thread.do(visit)
        await thread.do(_open_the_lab, window, workshop.codes["ada"])

        began = time.monotonic()
        await asyncio.to_thread(lost.pull_the_plug, "gpu-01")
        reading = asyncio.create_task(thread.do(_read_what_happens, window))
        pages = await asyncio.gather(*(_told(robot) for robot in robots))
        print(f"the attendees' pages said it after {time.monotonic() - began:.0f} s")
        assert time.monotonic() - began < NOTICED_SECONDS + 5
        for page in pages:
            assert "gpu-01" in page
            assert "handed in is safe" in page
        await _wall_shows(grace, "gpu-01")
        await asyncio.gather(*(_back(robot) for robot in robots))
        print(f"everybody was back after {time.monotonic() - began:.0f} s")
        await reading
        for robot in robots:
            assert await robot.read_notebook("before.ipynb")
            answer = await robot.get("/hub/home")
            assert "run its cells again" in answer.text
            assert await robot.run_cell("nlp-cpu", "print(6 * 7)") == "42\n"
            assert robot.username in str(lost.on_hub(f"ls {HOME}/exchange/*/sums"))
    assert set(workshop.seat_map().values()) == {"gpu-02", "hub"}
    moves = lost.state("hub/moves.json")["moves"]
    assert {each["username"]: each["state"] for each in moves} == dict.fromkeys(ATTENDEES, "moved")


#: Every page that a window shows is written down in it; a reload forgets all else.
NOTE_PAGES = """addEventListener("DOMContentLoaded", () => {
    const seen = JSON.parse(sessionStorage.seen || "[]");
    sessionStorage.seen = JSON.stringify([...seen, document.body.innerText.slice(0, 500)]);
})"""

#: JupyterLab asks for notices every 15 seconds, and at once when somebody comes to the tab.
NOTICE = """() => {
    document.dispatchEvent(new Event("visibilitychange"));
    return document.querySelector(".workshop-notice-own");
}"""


def _open_the_lab(window: Visitor, code: str) -> None:
    window.page.add_init_script(NOTE_PAGES)
    window.enter(code)
    window.page.wait_for_url("**/user/ada/lab**")
    window.open("/user/ada/lab/tree/sums/sums.ipynb")
    Lab(window.page).wait_until_idle()


def _read_what_happens(window: Visitor) -> None:
    """She reloads once; everything after that comes by itself."""
    page = window.page
    page.reload(wait_until="commit")
    page.get_by_role("heading", name="Your seat does not answer").wait_for()
    window.shoot("seat-does-not-answer", height=480)
    news = page.locator("#seat-news")
    news.or_(page.locator(".jp-Launcher, .jp-Notebook").first).first.wait_for()
    if news.is_visible():
        window.shoot("seat-being-moved", height=400)
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.wait_for_function(NOTICE, polling=1000)
    assert "so you sit on another one now" in page.locator(".workshop-notice-own").inner_text()
    Lab(page).wait_until_idle()
    window.shoot("seat-moved")
    seen = json.loads(page.evaluate("sessionStorage.seen"))
    assert not [text for text in seen if "Bad Gateway" in text]


async def _write(robot: Robot, name: str) -> None:
    await robot.write_notebook(
        name, {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    )


async def _told(robot: Robot) -> str:
    """What her page says, as soon as it says anything about her seat."""
    while True:
        page = await robot.client.get(f"/hub{robot.path('lab')}")
        if found := NEWS.search(page.text):
            return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())
        await asyncio.sleep(0.5)


async def _wall_shows(robot: Robot, host: str) -> None:
    """The instructor's wall names the host and what became of it."""
    state = re.compile(rf"<b>{host}</b>\s*<span[^>]*>(dead|replaced)")
    async with asyncio.timeout(30):
        while not state.search((await robot.get("/services/wall/")).text):
            await asyncio.sleep(1)


async def _back(robot: Robot) -> None:
    """The same browser, without logging in again: the page looks again by itself."""
    async with asyncio.timeout(120):
        while True:
            try:
                page = await robot.client.get(f"/hub{robot.path('lab')}")
                if page.status_code == 200 and page.url.path.startswith(robot.path("lab")):
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.5)


def _wait(happened: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.5)
