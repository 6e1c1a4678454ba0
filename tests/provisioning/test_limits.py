"""A seat that wants too much is held back, and its neighbour doesn't notice.

Real processes meet the kernel's real limits; making groups needs root.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioning.errors import StepFailed
from provisioning.interpreter import NOBODY
from provisioning.limits import Cell, LimitBackend, SeatLimits, choose_limits, remove_all
from provisioning.limits.cgroup1 import find_cgroup1
from provisioning.limits.cgroup2 import Cgroup2Limits, find_cgroup2
from provisioning.limits.groups import can_make_groups
from provisioning.limits.rlimits import ProcessLimits

WORKSHOP = "limits-test"
SMALL = SeatLimits(memory_bytes=64 * 2**20, cpus=0.25, processes=20)

WAITING = "import time; time.sleep(60)"
# Touches 400 MB, which is more than a seat here may have.
GREEDY = "b = bytearray(400 * 2**20)"
FORKING = """
import os, time
children = 0
try:
    while children < 200:
        if os.fork() == 0:
            time.sleep(60)
        children += 1
except BlockingIOError:
    print(children, flush=True)
time.sleep(60)
"""
SPINNING = """
import time
end, start = time.monotonic() + 2, time.process_time()
while time.monotonic() < end: pass
print((time.process_time() - start) / 2, time.process_time())
"""


@pytest.fixture
def backend() -> Iterator[LimitBackend]:
    """Whatever groups this machine has."""
    chosen = choose_limits(WORKSHOP)
    assert chosen.per_seat, "these tests need cgroups that can be written"
    yield chosen
    remove_all(WORKSHOP)
    assert groups_left() == []


def groups_left() -> list[Path]:
    # os.walk passes over groups of others that go meanwhile; Path.glob doesn't.
    name = f"workshop-{WORKSHOP}"
    return [Path(at, name) for at, below, _ in os.walk("/sys/fs/cgroup") if name in below]


def run_in(cell: Cell, code: str, *before: str) -> subprocess.Popen[str]:
    def enter_then_give_up_root() -> None:
        cell.enter()
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)

    return subprocess.Popen(
        [*before, "/usr/bin/python3", "-c", code],
        preexec_fn=enter_then_give_up_root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        text=True,
    )


def test_too_much_memory_ends_the_process_and_not_its_neighbour(backend: LimitBackend) -> None:
    greedy, calm = backend.prepare("greedy", SMALL), backend.prepare("calm", SMALL)
    neighbour = run_in(calm, WAITING)
    victim = run_in(greedy, GREEDY)

    assert victim.wait(30) == -9
    used = greedy.usage()
    assert used is not None
    assert used.out_of_memory == 1
    other = calm.usage()
    assert other is not None
    assert (other.out_of_memory, other.processes) == (0, 1)
    assert 0 < other.memory_bytes < SMALL.memory_bytes
    assert neighbour.poll() is None
    calm.remove()
    assert neighbour.wait(5) == -9


def test_a_fork_bomb_stops_at_the_limit_and_is_cleared_away(backend: LimitBackend) -> None:
    cell = backend.prepare("bomb", SMALL)
    bomb = run_in(cell, FORKING)
    assert bomb.stdout is not None

    assert int(bomb.stdout.readline()) == SMALL.processes - 1
    usage = cell.usage()
    assert usage is not None
    assert usage.processes == SMALL.processes

    cell.remove()
    cell.remove()

    assert bomb.wait(5) == -9
    assert [p for p in groups_left() if (p / "bomb").exists()] == []


def test_cores_are_shared_out(backend: LimitBackend) -> None:
    cell = backend.prepare("busy", SMALL)
    said = run_in(cell, SPINNING).communicate(timeout=60)[0]
    share, seconds = (float(number) for number in said.split())

    # A quarter of a core, measured loosely, for others use this machine too.
    assert share < 0.4
    usage = cell.usage()
    assert usage is not None
    assert usage.cpu_seconds == pytest.approx(seconds, abs=0.3)


def test_a_cell_that_is_there_keeps_its_processes_and_takes_new_limits(
    backend: LimitBackend,
) -> None:
    running = run_in(backend.prepare("stays", SMALL), WAITING)
    again = backend.prepare("stays", SeatLimits(2**30, 2.0, 40))
    usage = again.usage()
    assert usage is not None
    assert usage.processes == 1

    grown = run_in(again, GREEDY)
    assert grown.wait(30) == 0
    remove_all(WORKSHOP)
    assert running.wait(5) == -9


def test_another_process_can_be_put_into_a_cell(backend: LimitBackend) -> None:
    cell = backend.prepare("later", SMALL)
    process = subprocess.Popen(["sleep", "60"])
    cell.enter(process.pid)

    backend.remove_all()

    assert process.wait(5) == -9
    assert groups_left() == []


def test_a_seat_cant_leave_its_cell(backend: LimitBackend) -> None:
    leaving = (
        "import os, glob\n"
        "for f in glob.glob('/sys/fs/cgroup/**/cgroup.procs', recursive=True):\n"
        "    try: open(f, 'w').write('0'); print('left by', f)\n"
        "    except OSError: pass\n"
    )
    assert run_in(backend.prepare("caged", SMALL), leaving).communicate(timeout=30)[0] == ""


def test_a_limit_that_cant_be_set_is_named(backend: LimitBackend) -> None:
    with pytest.raises(StepFailed, match=r"can't be set to -5: Invalid argument"):
        backend.prepare("odd", SeatLimits(memory_bytes=2**30, cpus=1, processes=-5))


@pytest.mark.parametrize("name", ["..", "a/b", "", "A", "-x"])
def test_a_name_that_leads_elsewhere_is_refused(backend: LimitBackend, name: str) -> None:
    with pytest.raises(ValueError, match="not a name for a cell"):
        backend.prepare(name, SMALL)
    with pytest.raises(ValueError, match="not a name for a cell"):
        ProcessLimits().prepare(name, SMALL)


def test_without_root_processes_are_limited_and_it_says_so(call_as_nobody) -> None:
    chosen = call_as_nobody(lambda: choose_limits(WORKSHOP))

    assert chosen == ProcessLimits()
    assert not chosen.per_seat
    assert "for each process of a seat, not for the seat" in chosen.sentence


def test_a_process_may_not_take_more_memory_without_groups() -> None:
    cell = ProcessLimits().prepare("plain", SMALL)
    greedy = run_in(cell, GREEDY)

    assert "MemoryError" in greedy.communicate(timeout=30)[1]
    assert cell.usage() is None
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY
    assert os.getpriority(os.PRIO_PROCESS, 0) == 0


def test_processes_are_counted_per_jail_without_groups() -> None:
    cell = ProcessLimits().prepare("plain", SMALL)
    jail = ["bwrap", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    jail += ["--unshare-user", "--unshare-pid", "--die-with-parent", *cell.inner_command]
    bombs = [run_in(cell, FORKING, *jail) for _ in range(2)]
    try:
        # Both belong to one account, and neither takes from the other's number. Two of
        # each are bubblewrap's and the bomb itself.
        counts = [int(bomb.stdout.readline()) for bomb in bombs if bomb.stdout]
    finally:
        for bomb in bombs:
            bomb.kill()
            bomb.wait()
    assert counts == [SMALL.processes - 2] * 2


def test_the_second_version_is_told_the_same_limits(tmp_path: Path) -> None:
    """Plain folders stand for the kernel's here, for a host has one version or the other."""
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory pids")
    (tmp_path / "workshop-v2").mkdir()
    (tmp_path / "workshop-v2/cgroup.subtree_control").write_text("")
    (tmp_path / "workshop-v2/ada").mkdir()
    (tmp_path / "workshop-v2/ada/memory.swap.max").write_text("max")

    cell = Cgroup2Limits(tmp_path, "v2").prepare("ada", SMALL)
    cell.enter(4711)

    control = (tmp_path / "workshop-v2/cgroup.subtree_control").read_text()
    assert control == "+memory +cpu +pids"
    files = {path.name: path.read_text().strip() for path in cell.folder.iterdir()}
    assert files == {
        "memory.max": str(SMALL.memory_bytes),
        "memory.swap.max": "0",
        "cpu.max": "25000 100000",
        "pids.max": "20",
        "cgroup.procs": "4711",
    }
    (cell.folder / "memory.current").write_text("9000\n")
    (cell.folder / "memory.stat").write_text("anon 1\ninactive_file 4000\n")
    (cell.folder / "memory.events").write_text("oom 3\noom_kill 2\noom_group_kill 0\n")
    (cell.folder / "cpu.stat").write_text("usage_usec 1500000\n")
    usage = cell.usage()
    assert (usage.memory_bytes, usage.cpu_seconds, usage.out_of_memory) == (5000, 1.5, 2)


def test_what_a_namesake_left_does_not_weaken_the_limits(tmp_path: Path) -> None:
    """Another process may have our number: in another container, or before us."""
    (tmp_path / f"workshop-probe-{os.getpid()}").mkdir()
    before = [*tmp_path.iterdir()]
    assert can_make_groups(tmp_path)
    assert [*tmp_path.iterdir()] == before


def test_a_host_has_one_version_at_most() -> None:
    assert not (find_cgroup1(WORKSHOP) and find_cgroup2(WORKSHOP))


def test_the_hub_can_import_it_without_our_other_libraries() -> None:
    code = (
        "import sys, provisioning.limits\n"
        "print(sorted({'yaml', 'psutil', 'pydantic', 'uv'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    said = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert said.stdout == "[]\n"


def test_time_to_prepare_is_small(backend: LimitBackend) -> None:
    started = time.monotonic()
    for number in range(300):
        backend.prepare(f"seat{number:03}", SMALL)
    backend.remove_all()
    assert time.monotonic() - started < 30
