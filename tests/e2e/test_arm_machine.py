"""A lab asks for an Arm machine: `up` starts it, a seat gets in, `down` leaves nothing of it."""

from __future__ import annotations

import asyncio
import pwd
import shutil
from collections.abc import Iterator

import psutil
import pytest

from tests.e2e.conftest import MakeWorkshop
from tests.e2e.kernel_line import kernel_line, start_kernel
from tests.e2e.running import COURSE, RunningWorkshop

ADA, GRACE = "am-ada", "am-grace"

#: TVM's handshake, word for word; a seat of this course has no TVM.
KNOCK = """
import os, socket, struct
host, port = os.environ["WORKSHOP_ARM_RPC"].split(":")
def knock(key):
    with socket.create_connection((host, int(port)), timeout=100) as arm:
        word = f"client:{key}".encode()
        arm.sendall(struct.pack("<ii", 0xFF271, len(word)) + word)
        return struct.unpack("<i", arm.recv(4))[0] - 0xFF271
print([knock(os.environ["WORKSHOP_ARM_KEY"]), knock("guess")])
"""
WELCOME, WRONG_KEY = 0, 2


@pytest.fixture(scope="module")
def running(make_workshop: MakeWorkshop) -> Iterator[RunningWorkshop]:
    made = make_workshop("armed", [ADA], instructor=GRACE)
    course = made.spec.parent / "course"
    shutil.copytree(COURSE, course)
    text = (course / "course.yaml").read_text()
    (course / "course.yaml").write_text(text.replace("minutes: 5,", "minutes: 5, needs: [arm],"))
    made.spec.write_text(made.spec.read_text().replace(str(COURSE), str(course)))
    made.up()
    yield made
    made.down()


def test_a_seat_gets_in_with_the_workshops_key_only(running):
    async def knock() -> str:
        async with (
            running.robot(ADA) as robot,
            kernel_line(robot, await start_kernel(robot)) as line,
        ):
            return await line.ask(KNOCK)

    assert asyncio.run(knock()).strip() == str([WELCOME, WRONG_KEY])


def test_it_runs_as_an_account_of_its_own(running):
    account = pwd.getpwnam("ws-_a-armed")
    assert "bwrap" in _programs_of(account.pw_uid)
    assert "arm" in {program["name"] for program in running.status()["programs"]}


def test_after_down_there_is_neither_account_nor_process(running):
    uid = pwd.getpwnam("ws-_a-armed").pw_uid
    running.down()
    assert not _programs_of(uid)
    with pytest.raises(KeyError):
        pwd.getpwnam("ws-_a-armed")


def _programs_of(uid):
    found = psutil.process_iter(["name", "uids"])  # one that ends meanwhile has no uids
    return {
        each.info["name"] for each in found if each.info["uids"] and each.info["uids"].real == uid
    }
