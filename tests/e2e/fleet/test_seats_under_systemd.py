"""A class on two machines with a real kernel, systemd and cloud-init, from nothing to nothing.

One long test, twenty minutes of two cores that nobody else uses: under emulation everything takes
ten to twenty times as long. It shows what namespace hosts can't: that systemd holds the hub and
the service of the seats, that each seat is a unit with limits that hold, and that a class is back
by itself when a machine was restarted.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets import WebSocketException

from hub_config.rehearsal.errors import RobotStuck
from hub_config.rehearsal.robot import Robot
from tests.cloud.cloud import Cloud
from tests.cloud.machines.qemu import QemuMachines
from tests.e2e.fleet.class_environments import class_environments
from tests.e2e.fleet.class_on_hosts import ClassOnHosts, write_class
from tests.e2e.fleet.living import living

ATTENDEES = ("ada", "alan")
#: A dash, which means something to systemd in the name of a slice.
NAME = "real-class"
MEMORY_MB = 3072
UNITS = {"hub": "workshop-hub.service", "gpu-01": "workshop-seats.service"}

#: Everything at once: a login under emulation costs seconds.
LOOK = """
for unit in workshop-hub.service workshop-seats.service; do
    [ ! -e /etc/systemd/system/$unit ] || echo unit=$unit
    echo $unit=$(systemctl is-active $unit) $(systemctl is-enabled $unit 2> /dev/null)
done
echo init=$(cat /proc/1/comm)
echo failed=$(systemctl --failed --plain --no-legend | cut -d ' ' -f 1)
echo machine=$(cat /etc/machine-id)
echo boot=$(cat /proc/sys/kernel/random/boot_id)
"""
SEAT = """
unit=workshop-real_class-seat-{name}.service
systemctl show $unit --property=ActiveState,Slice,MemoryMax,MemorySwapMax
systemctl show $unit --property=CPUQuotaPerSecUSec,TasksMax
group=/sys/fs/cgroup$(systemctl show --value --property=ControlGroup $unit)
echo accounts=$(stat -c %u $(sed s,^,/proc/, $group/cgroup.procs) | sort -nu)
"""

WHERE = 'print(open("/etc/machine-id").read().strip())'
#: More than the seat may have: Linux ends the process that wanted it, and nothing else.
GREEDY = """
import subprocess, sys
print(subprocess.run([sys.executable, "-c", "b'x' * 2**31"]).returncode)
"""
NOTEBOOK = "sums/sums.ipynb"
#: What nobody has given before: an answer that is known already is not run again.
ANSWER = "def add(x, y):\n    return x + y  # {name}"
#: Of three exercises one is answered.
POINTS = 1.0
EMPTY = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@dataclass(frozen=True)
class RealClass:
    """A class and the machines that it is on."""

    workshop: ClassOnHosts
    machines: QemuMachines

    def look(self, host: str, command: str = LOOK) -> dict[str, str]:
        """What a host says of itself, over SSH."""
        said = self.workshop.cli(
            "host", "exec", "--json", "--seconds", "300", "--on", host, command
        )
        lines = said.json[host]["output"].splitlines()
        return {key: value for key, _, value in (line.partition("=") for line in lines)}

    def reboot(self, host: str) -> None:
        """As an operator does it; returns when sshd answers again."""
        before = self.look(host)["boot"]
        machine = self.machines.host(living(self.workshop.cloud)[host])
        words = ("host", "exec", "--seconds", "200", "--on", host, "systemctl reboot")
        began = time.monotonic()
        self.workshop.cli(*words, check=False)
        _until(lambda: machine.state == "booting", seconds=300)
        _tell(f"{host} has shut down", began)
        machine.wait("up", seconds=900)
        _tell(f"{host} was up again", began)
        assert self.look(host)["boot"] != before


@pytest.fixture
def real() -> Iterator[RealClass]:
    with tempfile.TemporaryDirectory(prefix="workshop-real-class-") as name:
        folder = Path(name)
        machines = QemuMachines(image=class_environments().layers, memory_mb=MEMORY_MB)
        with Cloud(machines=machines) as cloud:
            workshop = write_class(folder, cloud, name=NAME, attendees=ATTENDEES, gpus=1)
            workshop.patience = 2400
            yield RealClass(workshop, machines)


@pytest.mark.thorough
@pytest.mark.timeout(5400)
async def test_a_class_under_systemd_from_nothing_to_nothing(real: RealClass) -> None:
    workshop = real.workshop
    began = time.monotonic()
    workshop.up()
    _tell("up", began)
    machine_ids = {host: _held_by_systemd(real, host)["machine"] for host in UNITS}
    workshop.cli("release")
    _tell("released", began)

    where = await asyncio.gather(*(_work(workshop, name) for name in ATTENDEES))
    assert where == [machine_ids["gpu-01"]] * len(ATTENDEES)
    _tell("two attendees have their feedback", began)
    assert _points(workshop) == dict.fromkeys(ATTENDEES, POINTS)
    for name in ATTENDEES:
        _is_a_unit(real.look("gpu-01", SEAT.format(name=name)))
    await _limits_hold(workshop, "ada")

    await asyncio.to_thread(real.reboot, "gpu-01")
    await _back_by_itself(workshop, "ada")
    _tell("ada was back after a restart of her host", began)
    _held_by_systemd(real, "gpu-01")

    await _leave_a_kernel_running(workshop, "ada")
    await asyncio.to_thread(real.reboot, "hub")
    await _kernel_has_run_on(workshop, "ada")
    _tell("ada was back after a restart of the hub host", began)
    _held_by_systemd(real, "hub")

    said = workshop.cli("down", "--yes").stdout
    _tell("down", began)
    assert "Nothing is left." in said
    assert workshop.cloud.inventory() == ()
    assert list(workshop.paths.archive.glob("*.tar.gz"))


def _held_by_systemd(real: RealClass, host: str) -> dict[str, str]:
    """The unit that belongs there runs and will at the next boot; the other one isn't there."""
    seen = real.look(host)
    assert seen["init"] == "systemd"
    assert seen["unit"] == UNITS[host]
    assert seen[UNITS[host]] == "active enabled"
    assert seen["failed"] == ""
    return seen


def _is_a_unit(seen: dict[str, str]) -> None:
    """What the spec gives to a seat, held by systemd for everything in it."""
    assert seen["ActiveState"] == "active"
    assert seen["Slice"] == "workshop-real_class.slice"
    assert seen["MemoryMax"] == str(2**30)
    assert seen["MemorySwapMax"] == "0"
    assert seen["TasksMax"] == "512"
    assert seen["CPUQuotaPerSecUSec"].endswith("s")
    # Root's own process that holds the unit open, and the seat's.
    root, seat = (int(each) for each in seen["accounts"].split())
    assert root == 0
    assert seat >= 70000


async def _work(workshop: ClassOnHosts, name: str) -> str:
    """Log in, run a cell, hand a lab in, read the feedback; the machine that the cell ran on."""
    async with workshop.robot(name) as robot:
        where = await robot.run_cell("nlp-cpu", WHERE)
        await robot.write_notebook("kept.ipynb", EMPTY)
        await robot.fetch("nlp", "sums")
        await _answer(robot)
        await robot.submit("nlp", "sums")
        await robot.wait_for_feedback()
        return where.strip()


async def _answer(robot: Robot) -> None:
    notebook = await robot.read_notebook(NOTEBOOK)
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "add":
            cell["source"] = ANSWER.format(name=robot.username)
    await robot.write_notebook(NOTEBOOK, notebook)


def _points(workshop: ClassOnHosts) -> dict[str, float]:
    results = workshop.cli("report", "--json").json["results"]
    return {
        each["attendee"]: sum(cell["score"] for cell in each["cells"])
        for each in results["submissions"]
    }


async def _limits_hold(workshop: ClassOnHosts, name: str) -> None:
    async with workshop.robot(name) as robot:
        assert await robot.run_cell("nlp-cpu", GREEDY) == "-9\n"


async def _back_by_itself(workshop: ClassOnHosts, name: str) -> None:
    """Nobody typed anything: the same files, on the same host, in a new server."""

    async def look(robot: Robot) -> None:
        assert await robot.read_notebook("kept.ipynb")
        assert await robot.run_cell("nlp-cpu", "print(6 * 7)") == "42\n"

    await _again_and_again(workshop, name, look)


async def _leave_a_kernel_running(workshop: ClassOnHosts, name: str) -> None:
    async with workshop.robot(name) as robot:
        channel = await robot.connect(await robot.open_notebook("kept.ipynb", "nlp-cpu"))
        await channel.run("kept = 42")
        await channel.close()


async def _kernel_has_run_on(workshop: ClassOnHosts, name: str) -> None:
    async def look(robot: Robot) -> None:
        channel = await robot.connect(await robot.find_notebook("kept.ipynb"))
        assert await channel.run("print(kept)") == "42\n"
        await channel.close()

    await _again_and_again(workshop, name, look)


async def _again_and_again(
    workshop: ClassOnHosts, name: str, look: Callable[[Robot], Awaitable[None]]
) -> None:
    """Load the page again until it is there, as a person does."""
    deadline = time.monotonic() + 900
    while True:
        try:
            async with workshop.robot(name) as robot:
                await look(robot)
                return
        except (RobotStuck, httpx.HTTPError, WebSocketException) as error:
            print(f"{name} tries again: {error!r}", flush=True)
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(3)


def _until(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.5)


def _tell(what: str, began: float) -> None:
    print(f"{what} after {time.monotonic() - began:.0f} s", flush=True)
