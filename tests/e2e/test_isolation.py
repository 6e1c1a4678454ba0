"""As root, every seat has an account of its own and a jail: each attack is run for real.

The attacks are in tests/e2e/isolation, by theme; test_isolation_without_root.py runs the
same ones where the jail is all there is.
"""

from __future__ import annotations

import asyncio
import subprocess

import pytest
import websockets

from hub_config.rehearsal.errors import RobotStuck
from hub_config.rehearsal.robot import Robot
from tests.e2e.conftest import MakeWorkshop

# The tests themselves: one promise each.
from tests.e2e.isolation.appetite import *  # noqa: F403
from tests.e2e.isolation.appetite import beside_ada
from tests.e2e.isolation.classroom import (  # noqa: F401 - fixtures
    EVE,
    KERNEL,
    PEOPLE,
    SEAT,
    Classroom,
    ada,
    eve,
    nothing_lost,
    prepare,
)
from tests.e2e.isolation.course_secrets import *  # noqa: F403
from tests.e2e.isolation.grading import *  # noqa: F403
from tests.e2e.isolation.homes import *  # noqa: F403
from tests.e2e.isolation.processes import *  # noqa: F403
from tests.e2e.isolation.seat_codes import *  # noqa: F403
from tests.e2e.isolation.servers import *  # noqa: F403
from tests.e2e.isolation.submitting import *  # noqa: F403
from tests.e2e.isolation.uploads import *  # noqa: F403


@pytest.fixture(scope="module")
def classroom(make_workshop: MakeWorkshop) -> Classroom:
    workshop = make_workshop("iso-root", PEOPLE, extra=SEAT)
    workshop.up()
    classroom = Classroom(workshop)
    assert classroom.has_accounts
    asyncio.run(prepare(classroom))
    return classroom


def test_the_account_alone_keeps_others_out(classroom: Classroom) -> None:
    """Somebody who broke out of the jail would still be nobody."""
    paths = classroom.workshop.paths
    private = [
        classroom.diary,
        *(paths.exchange / "submissions").rglob("*.zip"),
        paths.course / "gradebook.db",
        paths.course / "source" / "sums" / "sums.ipynb",
        paths.home / "coursework" / "sums" / "lab.py",
        paths.hub / "jupyterhub.sqlite",
        paths.hub / "secrets.json",
        paths.hub / "supervisord.conf",
        paths.seats,
        *paths.logs.glob("*.log"),
    ]
    for path in private:
        assert path.is_file(), f"{path} is not there: this test would prove nothing"
        tried = subprocess.run(
            classroom.as_the_account_of(EVE, "cat", str(path)), capture_output=True, check=False
        )
        assert (tried.returncode, tried.stdout) == (1, b""), path
    socket = paths.run / "supervisor.sock"
    assert socket.is_socket()
    connect = f"import socket; socket.socket(socket.AF_UNIX).connect({str(socket)!r})"
    tried = subprocess.run(
        classroom.as_the_account_of(EVE, "/usr/bin/python3", "-c", connect),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "PermissionError" in tried.stderr


#: Copies of a whole kernel: what comes first, too many processes or too little memory, may
#: end the seat. They are left behind.
_HEAVY_BOMB = """
import os, time
held = bytearray(b"x" * 20_000_000)
for attempt in range(600):
    try:
        if os.fork() == 0:
            held[:] = b"y" * 20_000_000
            time.sleep(600)
            os._exit(0)
    except OSError:
        break
"""


@pytest.mark.thorough
async def test_a_seat_that_a_bomb_has_ended_can_be_opened_again_at_once(
    classroom: Classroom,
    ada: Robot,  # noqa: F811 - a fixture
    eve: Robot,  # noqa: F811
) -> None:
    bomb = asyncio.create_task(beside_ada(classroom, ada, eve, _HEAVY_BOMB))
    await asyncio.gather(bomb, return_exceptions=True)
    if not isinstance(bomb.exception(), websockets.ConnectionClosed | RobotStuck | None):
        await bomb  # Ada or the hub suffered
    if classroom.seat_processes(EVE):
        async with classroom.hub() as hub:
            await hub.delete(f"/hub/api/users/{EVE}/server")
    async with classroom.workshop.robot(EVE) as again:
        assert (await again.run_cell(KERNEL, "print(6 * 7)")).strip() == "42"
