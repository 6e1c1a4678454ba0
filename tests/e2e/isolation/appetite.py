"""What one seat takes too much of, the others still have."""

from __future__ import annotations

import asyncio
import json
import time

from hub_config.rehearsal.robot import Robot
from tests.e2e.isolation.classroom import KERNEL, Classroom
from tests.e2e.isolation.processes import COUNTING, counted

#: Takes memory in a process of its own until it is stopped: never more than 1.4 GB.
_HOG = """
import subprocess, sys
code = '''
held = []
for step in range(140):
    held.append(bytearray(b"x" * 10_000_000))
    print(step, flush=True)
'''
done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
taken = len(done.stdout.splitlines())
print("HOG" + __import__("json").dumps({"status": done.returncode, "taken": taken * 10}))
"""

#: Starts small processes until it is told to stop: never more than 1500.
_BOMB = """
import json, os, signal, time
children, stopped = [], ""
for attempt in range(1500):
    try:
        children.append(os.posix_spawn("/bin/sleep", ["sleep", "600"], os.environ))
    except OSError as error:
        stopped = type(error).__name__
        break
time.sleep(3)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print("BOMB" + json.dumps({"children": len(children), "stopped": stopped}))
"""


async def test_a_memory_hog_leaves_its_neighbour_and_the_hub_alone(
    classroom: Classroom, ada: Robot, eve: Robot
) -> None:
    said = await beside_ada(classroom, ada, eve, _HOG)
    hog = json.loads(said.rpartition("HOG")[2])
    assert hog["status"] != 0
    # The limit is 700 MB, of which the seat's server and the kernel have some.
    assert 100 < hog["taken"] <= 730


async def test_a_fork_bomb_leaves_its_neighbour_and_the_hub_alone(
    classroom: Classroom, ada: Robot, eve: Robot
) -> None:
    said = await beside_ada(classroom, ada, eve, _BOMB)
    bomb = json.loads(said.rpartition("BOMB")[2])
    assert bomb["stopped"] == "BlockingIOError"
    assert 50 < bomb["children"] <= classroom.workshop.settings.seat.processes


async def beside_ada(classroom: Classroom, ada: Robot, eve: Robot, attack: str) -> str:
    """Run the attack while Ada's cell counts and somebody asks the hub; what the attack said."""
    cell = asyncio.create_task(ada.run_cell(KERNEL, COUNTING.format(seconds=8)))
    await asyncio.sleep(1)
    attacking = asyncio.create_task(eve.run_cell(KERNEL, attack))
    slowest = 0.0
    async with classroom.visitor() as anybody:
        while not attacking.done():
            begun = time.monotonic()
            answer = await anybody.get("/hub/login")
            assert answer.status_code == 200
            slowest = max(slowest, time.monotonic() - begun)
            await asyncio.sleep(0.5)
    assert counted(8) in await cell
    # One seat may take a core: a loaded machine of two is slow, and still answers.
    assert 0 < slowest < 15
    return await attacking
