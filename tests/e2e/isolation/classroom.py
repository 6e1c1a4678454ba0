"""Who takes part in the isolation tests, how an attack is run, and what must survive it.

Ada is the victim and Eve the attacker. Both sit at real seats of a real workshop; Eve's
attacks are cells in her kernel, or requests with her cookies and her token.
"""

from __future__ import annotations

import hashlib
import json
import pwd
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import psutil
import pytest

from hub_config.rehearsal.robot import Robot
from tests.e2e.running import RunningWorkshop

ADA, EVE = "iso-ada", "iso-eve"
PEOPLE = (ADA, EVE)
KERNEL, COURSE, LAB = "nlp-cpu", "nlp", "sums"
#: Enough for a server and a kernel, little enough that a hog reaches it at once.
SEAT = "seat: {memory: 700M, cpus: 1.0}\n"
#: Only Ada's diary holds it.
CANARY = "canary-that-sings-for-ada-alone"
#: Of the hidden tests of the course.
HIDDEN = ("add must work for any two numbers", "double must work for negative numbers")

RIGHT = {
    "add": "def add(x, y):\n    return x + y",
    "double": "def double(x):\n    return 2 * x",
    "total": "def total(numbers):\n    return sum(numbers)",
}

#: What an attack may meet. Any other exception is a mistake in the test.
_HARNESS = """
import json, urllib.error
def _try(act):
    try:
        return ["reached", repr(act())[:400]]
    except (OSError, urllib.error.URLError) as error:
        return ["refused", f"{type(error).__name__}: {error}"[:400]]
print("OUTCOME" + json.dumps({name: _try(act) for name, act in attempts.items()}))
"""


@dataclass(frozen=True)
class Classroom:
    """A running workshop with Ada's diary and her submission in it."""

    workshop: RunningWorkshop

    @property
    def state(self) -> Path:
        return self.workshop.paths.home

    @property
    def has_accounts(self) -> bool:
        return self.workshop.settings.seat.isolation == "accounts"

    @property
    def diary(self) -> Path:
        """As this machine sees it; from Ada's seat it is ~/diary.txt."""
        return self.workshop.paths.homes / ADA / "diary.txt"

    def seat_processes(self, username: str) -> list[psutil.Process]:
        """Everything that runs in a seat, the jail's own processes included."""
        mark = {"WORKSHOP_STATE_HOME": str(self.state), "JUPYTERHUB_USER": username}
        return [each for each in psutil.process_iter() if mark.items() <= _environ(each).items()]

    def seat_port(self, username: str) -> int:
        """The loopback port of a seat's server."""
        ports = {
            connection.laddr.port
            for process in self.seat_processes(username)
            for connection in process.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }
        assert len(ports) == 1, f"{username} listens on {ports}"
        return ports.pop()

    def precious(self) -> dict[str, str]:
        """Every file of Ada's that somebody could want to harm, by content."""
        own = [self.diary, *(self.workshop.paths.homes / ADA / LAB).rglob("*.ipynb")]
        kept = (self.workshop.paths.exchange / "submissions" / LAB / ADA).glob("*")
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in (*own, *kept)}

    def submissions(self, username: str) -> list[dict[str, Any]]:
        """The records in the store, oldest first."""
        folder = self.workshop.paths.exchange / "submissions" / LAB / username
        return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]

    def as_the_account_of(self, username: str, *command: str) -> list[str]:
        """A command outside any jail, with no other right than the seat's account has."""
        account = pwd.getpwnam(f"ws-{username}")
        identity = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        return ["setpriv", *identity, "--", *command]

    @asynccontextmanager
    async def visitor(self, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the hub's public address without any right."""
        address = self.workshop.address
        async with httpx.AsyncClient(
            base_url=address, trust_env=False, timeout=60, **options
        ) as client:
            yield client

    @asynccontextmanager
    async def hub(self) -> AsyncIterator[httpx.AsyncClient]:
        """The hub as the instructor's own commands reach it: to look at what an attack did."""
        headers = {"Authorization": f"token {self.workshop.secrets.workshop}"}
        async with self.visitor(headers=headers) as client:
            yield client


async def attack(robot: Robot, code: str, **facts: object) -> dict[str, tuple[str, str]]:
    """Run a cell that defines `attempts`, {name: callable}; {name: (reached|refused, what)}."""
    given = "".join(f"{name} = {value!r}\n" for name, value in facts.items())
    said = await robot.run_cell(KERNEL, given + dedent(code) + _HARNESS)
    assert "OUTCOME" in said, f"the attack itself broke: {said}"
    outcome = json.loads(said.rpartition("OUTCOME")[2])
    return {name: (result, what) for name, (result, what) in outcome.items()}


def reached(outcome: dict[str, tuple[str, str]]) -> dict[str, str]:
    """What went through: must be exactly the controls that show the attack works at all."""
    return {name: what for name, (result, what) in outcome.items() if result == "reached"}


async def token_of(robot: Robot) -> str:
    """The token that a seat's own server has: an attendee can read it."""
    said = await robot.run_cell(
        KERNEL, 'import os; print("TOKEN" + os.environ["JUPYTERHUB_API_TOKEN"])'
    )
    return said.rpartition("TOKEN")[2].strip()


def cookies_of(robot: Robot) -> httpx.Cookies:
    """Everything that a browser of this person would send."""
    return httpx.Cookies(robot.client.cookies)


def form_token(robot: Robot) -> dict[str, str]:
    """The header of this person's own pages of the hub."""
    return {"X-XSRFToken": robot.form_token("/hub/")}


def zipped(members: dict[str, str]) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return packed.getvalue()


async def submit(robot: Robot, answers: dict[str, str]) -> None:
    """The released lab with these answers, through the seat's own Submit button."""
    path = f"{LAB}/{LAB}.ipynb"
    notebook = await robot.read_notebook(path)
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in answers:
            cell["source"] = answers[name]
    await robot.write_notebook(path, notebook)
    await robot.submit(COURSE, LAB)


async def prepare(classroom: Classroom) -> None:
    """Labs are out; Ada has written her diary and submitted."""
    classroom.workshop.cli("release")
    async with classroom.workshop.robot(ADA) as ada:
        write = f"open('diary.txt', 'w').write({CANARY!r})"
        await ada.run_cell(KERNEL, write)
        await ada.fetch(COURSE, LAB)
        await submit(ada, RIGHT)
    async with classroom.workshop.robot(EVE) as eve:
        await eve.fetch(COURSE, LAB)
    assert len(classroom.submissions(ADA)) == 1


@pytest.fixture
async def ada(classroom: Classroom) -> AsyncIterator[Robot]:
    async with classroom.workshop.robot(ADA) as robot:
        yield robot


@pytest.fixture
async def eve(classroom: Classroom) -> AsyncIterator[Robot]:
    async with classroom.workshop.robot(EVE) as robot:
        yield robot


@pytest.fixture(autouse=True)
def nothing_lost(classroom: Classroom) -> Iterator[None]:
    """Whatever an attack does, Ada's work and her submission stay as they were."""
    before = classroom.precious()
    assert str(classroom.diary) in before
    yield
    assert classroom.precious() == before


def _environ(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}
