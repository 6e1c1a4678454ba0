"""A seat's processes are its own: they harm no others, inherit nothing, and end with it."""

from __future__ import annotations

import asyncio
import json
import random

import psutil

from hub_config.rehearsal.robot import Robot
from tests.e2e.isolation.classroom import (
    ADA,
    EVE,
    KERNEL,
    Classroom,
    attack,
    form_token,
    reached,
)

#: Counts for a while; whoever disturbs Ada's kernel changes what it says.
COUNTING = """
import time
total = 0
for number in range({seconds} * 20):
    total += number
    time.sleep(0.05)
print("COUNTED", total)
"""


def counted(seconds: int) -> str:
    return f"COUNTED {sum(range(seconds * 20))}"


async def test_another_seat_s_processes_are_out_of_reach(
    classroom: Classroom, ada: Robot, eve: Robot
) -> None:
    cell = asyncio.create_task(ada.run_cell(KERNEL, COUNTING.format(seconds=6)))
    await asyncio.sleep(2)
    victims = [process.pid for process in classroom.seat_processes(ADA)]
    assert len(victims) >= 4
    outcome = await attack(
        eve,
        """
        import ctypes, os, signal
        libc = ctypes.CDLL(None, use_errno=True)
        PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
        def trace(request, pid):
            if libc.ptrace(request, pid, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "ptrace")
        # Numbers of this machine, and every number that the seat can see, but its own.
        seen = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        attempts = {}
        for pid in set(victims) - set(seen):
            attempts[f"kill {pid}"] = lambda pid=pid: os.kill(pid, signal.SIGKILL)
            attempts[f"signal 0 to {pid}"] = lambda pid=pid: os.kill(pid, 0)
            attempts[f"attach {pid}"] = lambda pid=pid: trace(PTRACE_ATTACH, pid)
            attempts[f"seize {pid}"] = lambda pid=pid: trace(PTRACE_SEIZE, pid)
            attempts[f"pidfd {pid}"] = lambda pid=pid: os.pidfd_open(pid)
            for file in ("environ", "mem", "maps", "cmdline", "status"):
                path = f"/proc/{pid}/{file}"
                attempts[path] = lambda path=path: open(path).read()
        def own_only():
            # The jail's own two processes may be root's: they are closed to the seat.
            me = os.getuid()
            accounts = {pid: os.stat(f"/proc/{pid}").st_uid for pid in seen if pid > 1}
            own = [pid for pid, account in accounts.items() if account == me]
            users = [open(f"/proc/{pid}/environ").read().split("\\0") for pid in own]
            strangers = [each for each in users if "JUPYTERHUB_USER=iso-eve" not in each]
            strangers += [account for account in accounts.values() if account not in (0, me)]
            if strangers or not own:
                raise RuntimeError(f"others are in sight: {strangers}")
        attempts["own only"] = own_only
        """,
        victims=victims,
    )
    assert len(outcome) >= 10 * (len(victims) - 2)
    assert list(reached(outcome)) == ["own only"]
    assert counted(6) in await cell


async def test_who_kills_everything_kills_only_the_own_seat(
    classroom: Classroom, ada: Robot, eve: Robot
) -> None:
    cell = asyncio.create_task(ada.run_cell(KERNEL, COUNTING.format(seconds=8)))
    await asyncio.sleep(1)
    others = {process.pid for process in classroom.seat_processes(ADA)}
    kill = "import os, signal\nos.kill(-1, signal.SIGKILL)"
    suicide = asyncio.create_task(eve.run_cell(KERNEL, kill))
    async with asyncio.timeout(30):
        while classroom.seat_processes(EVE):
            await asyncio.sleep(0.2)
    suicide.cancel()
    await asyncio.gather(suicide, return_exceptions=True)
    assert counted(8) in await cell
    assert others >= {process.pid for process in classroom.seat_processes(ADA)} != set()
    async with asyncio.timeout(60):  # the hub notices, and gives Eve her seat again
        while not await _has_seat(classroom, eve):
            await asyncio.sleep(1)


async def _has_seat(classroom: Classroom, robot: Robot) -> bool:
    path = f"/hub/api/users/{robot.username}/server"
    answer = await robot.client.post(path, json={}, headers=form_token(robot))
    return answer.status_code == 400 and bool(classroom.seat_processes(robot.username))


async def test_a_process_that_was_left_behind_ends_with_the_seat(
    classroom: Classroom, eve: Robot
) -> None:
    """Detached in every way there is: a session of its own, no parent, no signals."""
    mark = str(random.randint(10**8, 10**9))  # no other run's
    await eve.run_cell(
        KERNEL,
        f"""
import os, signal, subprocess, time
options = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
subprocess.Popen(["setsid", "-f", "nohup", "sleep", "{mark}"], **options)
subprocess.Popen(["bash", "-c", "trap '' TERM HUP INT; (sleep {mark} & disown); exit"], **options)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        os.execvp("sleep", ["sleep", "{mark}"])
    os._exit(0)
""",
    )
    async with asyncio.timeout(30):
        while len(_running(mark)) != 3:
            await asyncio.sleep(0.2)
    path = f"/hub/api/users/{EVE}/server"
    answer = await eve.client.delete(path, headers=form_token(eve))
    assert answer.status_code in (202, 204)
    async with asyncio.timeout(30):
        while _running(mark) or classroom.seat_processes(EVE):
            await asyncio.sleep(0.2)


async def test_a_seat_inherits_nothing_and_can_become_nobody_else(eve: Robot) -> None:
    said = await eve.run_cell(
        KERNEL,
        """
import json, os, re, subprocess
own = r"/home/iso-eve|/tmp|/dev/(null|pts|ptmx|urandom|tty)|anon_inode|pipe|socket|/proc|/usr|/mem"
own += r"|.*/seats/logs/iso-eve[.]log$"
links = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        continue
    for name in names:
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            pass
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print("HAS" + json.dumps({
    "links": len(links),
    "foreign": sorted({link for link in links if not re.match(own, link)}),
    "privileges": status["NoNewPrivs"].strip(), "capabilities": int(status["CapEff"], 16),
    "uid": os.getuid(),
    "su": subprocess.run(["su", "-c", "id -u"], stdin=subprocess.DEVNULL,
                         capture_output=True).returncode,
}))
""",
    )
    has = json.loads(said.rpartition("HAS")[2])
    assert has["links"] > 5
    assert has["foreign"] == []
    assert (has["privileges"], has["capabilities"]) == ("1", 0)
    assert has["uid"] != 0
    assert has["su"] != 0


def _running(mark: str) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[-2:] == ["sleep", mark]
    ]
