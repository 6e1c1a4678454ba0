"""While people work: a host's service hangs, a host is replaced, one dies without a spare and is
replaced, staff give thirty minutes more. Nobody else is disturbed by any of it.

Real hosts (namespaces), real SSH and rsync, the real hub; ada sits on gpu-01, bob on gpu-02.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub_config.rehearsal.kernel_channel import KernelChannel
from hub_config.rehearsal.robot import Robot
from provisioning.deadline_timer import TIMER_FILE, timer_deadline
from tests.cloud.cloud import Cloud
from tests.cloud.machines import trouble
from tests.cloud.machines.namespace_host import NamespaceHost
from tests.cloud.machines.namespaces import NamespaceMachines
from tests.e2e.fleet.class_environments import class_environments
from tests.e2e.fleet.class_on_hosts import ClassOnHosts, write_class
from tests.e2e.fleet.living import living

#: A lost host and its spare are tried in every run: test_lost_host.py.
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(600)]

NEWS = re.compile(r'<div id="seat-news".*?</div>', re.DOTALL)
SERVICE = "hub_config[.]seat_host[.]service"
WALL = "/services/wall/"
MACHINE = 'print(open("/etc/machine-id").read().strip())'


@dataclass(frozen=True)
class Swapped:
    """A class with two hosts for seats and no spare."""

    workshop: ClassOnHosts
    machines: NamespaceMachines

    def machine(self, host: str) -> NamespaceHost:
        return self.machines.host(living(self.workshop.cloud)[host])

    def on_hub(self, command: str) -> str:
        return self.machine("hub").inside(f"cd /var/lib/workshop/swap && {command}")

    def deadline(self, host: str) -> datetime | None:
        """By the host's own timer."""
        return timer_deadline(self.machine(host).inside(f"cat {TIMER_FILE}"))

    def copy_now(self, name: str) -> None:
        """As if the interval were over."""
        before = self.on_hub("date -u +%Y-%m-%dT%H:%M:%S.%N").strip()
        self.on_hub(f"touch run/copy-now/{name}")
        deadline = time.monotonic() + 30
        while self._copied_at(name) <= before:
            assert time.monotonic() < deadline
            time.sleep(0.3)

    def _copied_at(self, name: str) -> str:
        seats = json.loads(self.on_hub("cat hub/backups.json"))["seats"]
        return str(seats.get(name, {}).get("at") or "")


@pytest.fixture(scope="module")
def swap() -> Iterator[Swapped]:
    with tempfile.TemporaryDirectory(prefix="workshop-swap-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        machines = NamespaceMachines(image=class_environments().layers)
        with Cloud(machines=machines) as cloud:
            workshop = write_class(folder, cloud, name="swap", attendees=("ada", "bob"), gpus=2)
            workshop.up()
            workshop.cli("release")
            assert workshop.seat_map() == {"ada": "gpu-01", "bob": "gpu-02", "grace": "hub"}
            yield Swapped(workshop, machines)


async def test_a_service_that_hangs_is_started_anew_and_its_seats_go_on(swap: Swapped) -> None:
    async with _working(swap.workshop, "ada") as ada, _robot(swap.workshop, "grace") as grace:
        swap.machine("gpu-01").inside(f"pkill -STOP -f '{SERVICE}'")
        await _until(lambda: _wall_says(grace, "gpu-01", "no service"), 35)
        await ada.goes_on()
        await _until(lambda: _wall_says(grace, "gpu-01", "well"), 60)
        await ada.goes_on()
    assert swap.workshop.seat_map()["ada"] == "gpu-01"
    assert json.loads(swap.on_hub("cat hub/moves.json || echo '{}'")).get("moves", []) == []


async def test_a_host_that_still_answers_is_replaced_and_nothing_is_lost(swap: Swapped) -> None:
    workshop = swap.workshop
    async with (
        _working(workshop, "ada") as ada,
        _working(workshop, "bob") as bob,
        _robot(workshop, "grace") as grace,
    ):
        before = await ada.robot.run_cell("nlp-cpu", MACHINE)
        # A moment before: no copy of the interval's has it.
        await _write(ada.robot, "newest.ipynb")
        replacing = asyncio.create_task(
            asyncio.to_thread(workshop.cli, "host", "replace", "gpu-01", "--yes")
        )
        page = await _told(ada.robot)
        assert "gpu-01" in page
        assert "handed in is safe" in page
        await _until(lambda: _page_has(grace, WALL, "gpu-01 is being replaced"), 20)
        said = (await replacing).stdout
        assert "The homes on gpu-01 were copied to the hub host." in said
        await _back(ada.robot)
        assert await ada.robot.read_notebook("newest.ipynb")
        assert "run its cells again" in (await ada.robot.get("/hub/home")).text
        assert await ada.robot.run_cell("nlp-cpu", MACHINE) not in ("", before)
        await bob.goes_on()
    assert workshop.seat_map()["ada"] == "gpu-01"


async def test_a_dead_host_without_a_spare_is_replaced_and_staff_give_more_time(
    swap: Swapped,
) -> None:
    workshop = swap.workshop
    async with (
        _working(workshop, "ada") as ada,
        _robot(workshop, "bob") as bob,
        _robot(workshop, "grace") as grace,
    ):
        await bob.fetch("nlp", "sums")
        await bob.submit("nlp", "sums")
        await _write(bob, "before.ipynb")
        await asyncio.to_thread(swap.copy_now, "bob")
        await _write(bob, "after.ipynb")
        trouble.kill(swap.machine("gpu-02"))
        page = await _told(bob)
        assert "gpu-02 does not answer" in page
        assert "The instructor sees it" in page
        await _until(lambda: _wall_says(grace, "gpu-02", "dead"), 10)
        extended = await _extend(swap, ada.robot, grace)
        await asyncio.to_thread(workshop.cli, "host", "replace", "gpu-02", "--yes")
        await _back(bob)
        assert await bob.read_notebook("before.ipynb")
        assert "bob" in swap.on_hub("ls exchange/submissions/sums").split()
        assert await bob.run_cell("nlp-cpu", "print(6 * 7)") == "42\n"
        await ada.goes_on()
    # The cloud was told of the wall's extension before the new machine was ordered.
    assert swap.deadline("gpu-02") == extended
    listed = workshop.cli("host", "list", "--json").json
    assert {datetime.fromisoformat(each["host"]["deadline"]) for each in listed} == {extended}
    assert {
        _tag(one, "workshop:deadline") for one in workshop.cloud.instances() if _lives(one)
    } == {f"{extended:%Y-%m-%dT%H:%M:%SZ}"}


async def _extend(swap: Swapped, ada: Robot, grace: Robot) -> datetime:
    """Staff press the button while one host can't be told; when the hosts end then."""
    before = swap.deadline("hub")
    assert before is not None
    wall = (await grace.get(WALL)).text
    shown = re.search(r'data-shown="([^"]+)"', wall)
    assert shown, wall
    assert datetime.fromisoformat(shown[1]) == before
    assert (await _press(ada, shown[1], ada.form_token("/hub/"))).status_code == 403
    token = re.search(r'name="xsrf" content="([^"]+)"', wall)
    assert token
    assert (await _press(grace, shown[1], token[1])).status_code == 200
    await _until(lambda: _page_has(grace, WALL, "Extended by grace"), 20)
    extended = before + timedelta(minutes=30)
    assert [swap.deadline(host) for host in ("hub", "gpu-01")] == [extended, extended]
    for host in ("hub", "gpu-01"):
        swap.machine(host).inside("systemctl is-active workshop-deadline.timer")
    await _until(lambda: _page_has(grace, WALL, "gpu-02 still ends"), 60)
    again = await _press(grace, shown[1], token[1])
    assert again.status_code == 409
    return extended


async def _press(robot: Robot, shown: str, token: str) -> httpx.Response:
    return await robot.send(
        "POST",
        f"{WALL}extend",
        data={"deadline": shown},
        headers={"X-XSRFToken": token},
    )


@dataclass(frozen=True)
class AtWork:
    """A robot with a kernel that has computed something, over one open websocket."""

    robot: Robot
    kernel: KernelChannel

    async def goes_on(self) -> None:
        """The same kernel, the same connection: nothing was restarted."""
        assert await self.kernel.run("print(n + 1)") == "42\n"


@asynccontextmanager
async def _robot(workshop: ClassOnHosts, name: str) -> AsyncIterator[Robot]:
    async with workshop.robot(name) as robot:
        yield robot


@asynccontextmanager
async def _working(workshop: ClassOnHosts, name: str) -> AsyncIterator[AtWork]:
    async with workshop.robot(name) as robot:
        await _write(robot, "work.ipynb")
        kernel = await robot.connect(await robot.open_notebook("work.ipynb", "nlp-cpu"))
        await kernel.run("n = 41")
        yield AtWork(robot, kernel)
        with suppress(Exception):
            await kernel.close()


async def _write(robot: Robot, name: str) -> None:
    await robot.write_notebook(
        name, {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    )


async def _told(robot: Robot) -> str:
    """What the page says, as soon as it says anything about the seat."""
    async with asyncio.timeout(90):
        while True:
            page = await robot.client.get(f"/hub{robot.path('lab')}")
            if found := NEWS.search(page.text):
                return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())
            await asyncio.sleep(0.5)


async def _back(robot: Robot) -> None:
    """The same browser session: the page looks again by itself."""
    async with asyncio.timeout(180):
        while True:
            with suppress(httpx.HTTPError):
                page = await robot.client.get(f"/hub{robot.path('lab')}")
                if page.status_code == 200 and page.url.path.startswith(robot.path("lab")):
                    return
            await asyncio.sleep(0.5)


async def _wall_says(robot: Robot, host: str, state: str) -> bool:
    shown = re.compile(rf"<b>{host}</b>\s*<span[^>]*>{state}")
    return bool(shown.search((await robot.get(WALL)).text))


async def _page_has(robot: Robot, path: str, words: str) -> bool:
    return words in (await robot.get(path)).text


async def _until(happened: Callable[[], Awaitable[bool]], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not await happened():
            await asyncio.sleep(0.5)


def _lives(instance: Any) -> bool:
    return instance.state not in ("shutting-down", "terminated")


def _tag(instance: Any, key: str) -> str:
    return next((tag["value"] for tag in instance.get_tags() if tag["key"] == key), "")
