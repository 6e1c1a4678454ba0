"""Seats of a real service: JupyterLab, nbgrader and MXNet as an attendee has them."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

from hub_config.seat_host.protocol import SeatHostError
from hub_config.seat_host.settings import WarmKernel
from tests.hub_config.seat_host.host_at_work import HostAtWork, SeatServer, host_at_work, until

KERNEL = "nlp-cpu"
MXNET_CELL = "import mxnet as mx; print(int((mx.nd.ones((2, 3)) * 2).asnumpy().sum()))"


@pytest.fixture(scope="module")
def host(hub_prefix: Path, nlp_python: Path) -> Iterator[HostAtWork]:
    kernel = WarmKernel(KERNEL, nlp_python.parent.parent)
    with host_at_work(hub_prefix, (kernel,)) as host:
        config = {
            "ServerApp": {"jpserver_extensions": {
                "nbgrader.server_extensions.formgrader": False,
                "nbgrader.server_extensions.course_list": False,
                "notebook": False, "notebook_shim": False, "jupyter_lsp": False,
                "jupyterlab_jupytext": False,
            }},
            "ConnectionFileMixin": {"transport": "ipc"},
            "KernelSpecManager": {"allowed_kernelspecs": [KERNEL], "ensure_native_kernel": False},
        }  # fmt: skip
        (host.folder / "config" / "jupyter_server_config.json").write_text(json.dumps(config))
        host.wait_until_warm()
        yield host


@pytest.fixture(scope="module")
def ada(host: HostAtWork) -> SeatServer:
    """A seat that is there for all tests that don't end it."""
    return ready(host, "ada", 1)


def ready(host: HostAtWork, username: str, number: int) -> SeatServer:
    started = host.client.start(host.order(username, number))
    assert started.warm, host.log(username)
    server = SeatServer(username, host.port(number))
    until(server.answers)
    return server


@pytest.fixture
def eve(host: HostAtWork) -> Iterator[SeatServer]:
    """A seat for one test, which may end it."""
    yield ready(host, "eve", 2)
    host.client.stop("eve", now=True)


def test_a_warm_server_is_jupyterlab_under_the_seats_own_account(
    host: HostAtWork, ada: SeatServer
) -> None:
    started = host.client.state("ada").started
    assert started is not None
    status = Path(f"/proc/{started.pid}/status").read_text()
    fields = {line.split(":")[0]: line.split(":")[1].split() for line in status.splitlines()}
    uid = str(host.order("ada", 1).uid)
    assert fields["Uid"] == [uid] * 4
    assert fields["Groups"] == []
    assert {fields[kind][0] for kind in ("CapPrm", "CapEff", "CapBnd", "CapInh")} == {"0" * 16}
    assert fields["NoNewPrivs"] == ["1"]
    assert "kernels" in ada.get("/api/status")


def test_starting_a_seat_that_runs_changes_nothing(host: HostAtWork, ada: SeatServer) -> None:
    before = host.client.state("ada").started
    assert host.client.start(host.order("ada", 1)) == before


def test_a_server_has_imported_everything_before_it_was_forked(
    host: HostAtWork, eve: SeatServer
) -> None:
    """Otherwise each seat pays for what one process could have done for all."""
    used = host.client.state("eve").use
    assert used.measured
    assert used.cpu_seconds < 1.0, "a plain start takes two to five"


def test_a_warm_kernel_runs_mxnet_and_costs_little(
    host: HostAtWork, ada: SeatServer, nlp_python: Path
) -> None:
    before = host.client.state("ada").use.cpu_seconds
    kernel = ada.start_kernel(KERNEL)
    assert ada.run_cell(kernel, MXNET_CELL) == "12\n"
    state = host.client.state("ada")
    assert state.kernels == 1, host.log("ada")
    plain = cpu_seconds_of(str(nlp_python), "-c", "import ipykernel.kernelapp, mxnet")
    assert state.use.cpu_seconds - before < plain / 2, "it has imported MXNet anew"


def test_a_picture_is_shown_at_the_end_of_its_cell(ada: SeatServer) -> None:
    kernel = ada.start_kernel(KERNEL)
    drawn = ada.run_cell(kernel, "import matplotlib.pyplot as plt; plt.plot([1, 2]);")
    assert "image/png" in drawn


def test_kernels_do_not_share_their_chance(ada: SeatServer) -> None:
    draw = "import numpy, random; print(numpy.random.rand(), random.random())"
    first, second = (ada.run_cell(ada.start_kernel(KERNEL), draw).split() for _ in range(2))
    assert len(first) == 2
    assert not set(first) & set(second)


def test_an_interrupt_reaches_a_warm_kernel(ada: SeatServer) -> None:
    kernel = ada.start_kernel(KERNEL)
    interrupt = f"/api/kernels/{kernel}/interrupt"
    code = "import time\nprint('on', flush=True)\ntime.sleep(60)"
    assert ada.run_cell(kernel, code, on_stream=lambda: ada.post(interrupt)) == (
        "on\nKeyboardInterrupt"
    )
    assert ada.run_cell(kernel, "print(1)") == "1\n", "the kernel went on"


def test_a_restarted_kernel_is_another_process_and_forgets(ada: SeatServer) -> None:
    kernel = ada.start_kernel(KERNEL)
    before = ada.run_cell(kernel, "import os; x = 1; print(os.getpid())")
    ada.post(f"/api/kernels/{kernel}/restart")
    after = ada.run_cell(kernel, "import os; print(os.getpid(), 'x' in globals())").split()
    assert after[0] != before.strip()
    assert after[1] == "False"


def test_the_death_of_a_kernel_is_noticed_and_it_comes_back(
    host: HostAtWork, ada: SeatServer
) -> None:
    kernel = ada.start_kernel(KERNEL)
    before = ada.run_cell(kernel, "import os; print(os.getpid())")
    ada.run_cell(kernel, later("os.kill(os.getpid(), 9)"))
    now(host, "ada")
    until(lambda: "restarting kernel" in host.log("ada"))
    assert ada.run_cell(kernel, "import os; print(os.getpid())") not in ("", before)


def test_nbgrader_validates_with_a_warm_kernel(host: HostAtWork, ada: SeatServer) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(MXNET_CELL)],
        metadata={"kernelspec": {"name": KERNEL, "display_name": KERNEL, "language": "python"}},
    )
    file = host.settings.homes / "ada" / "lab.ipynb"
    nbformat.write(notebook, file)
    file.chmod(0o644)
    answer = ada._call("POST", "/assignments/validate?path=lab.ipynb", {})
    assert answer["success"], answer
    assert "failed" not in answer["value"], answer
    assert "No warm kernel" not in host.log("ada")


def test_one_process_ends_everything_of_a_seat(host: HostAtWork, eve: SeatServer) -> None:
    kernel = eve.start_kernel(KERNEL)
    eve.run_cell(kernel, "import subprocess; subprocess.Popen(['setsid', 'sleep', '300'])")
    uid = host.order("eve", 2).uid
    assert len(processes_of(uid)) >= 3
    host.client.stop("eve", now=True)
    until(lambda: not processes_of(uid))
    assert not host.client.state("eve").running


def test_a_server_that_ends_by_itself_takes_its_kernels_along(
    host: HostAtWork, eve: SeatServer
) -> None:
    eve.start_kernel(KERNEL)
    started = host.client.state("eve").started
    assert started is not None
    os.kill(started.pid, signal.SIGKILL)
    until(lambda: not host.client.state("eve").running)
    until(lambda: not processes_of(host.order("eve", 2).uid))


def test_running_out_of_memory_ends_a_kernel_not_the_seat(
    host: HostAtWork, eve: SeatServer
) -> None:
    kernel = eve.start_kernel(KERNEL)
    eve.run_cell(kernel, later("bytearray(os.urandom(1) * 3 * 1024**3)"))
    now(host, "eve")
    until(lambda: host.client.state("eve").use.out_of_memory > 0)
    assert eve.answers()
    assert host.client.state("ada").use.out_of_memory == 0


def test_a_robots_home_goes_and_a_persons_stays(host: HostAtWork, ada: SeatServer) -> None:
    host.client.start(host.order("robot-001", 5, command=("sleep", "300")))
    home = host.settings.homes / "robot-001"
    assert home.is_dir()
    host.client.forget("robot-001")
    assert not home.exists()
    assert not host.client.state("robot-001").running
    with pytest.raises(SeatHostError) as caught:
        host.client.forget("ada")
    assert caught.value.kind == "not-a-robot"
    assert (host.settings.homes / "ada").is_dir()
    assert host.client.state("ada").running


def test_a_host_tells_how_it_is(host: HostAtWork, ada: SeatServer) -> None:
    (host.settings.homes / "ada" / "data").write_bytes(bytes(1024**2))
    health = host.client.health()
    assert health.seats == len(host.client.list()) >= 1
    assert 0 < health.memory_free_bytes < health.memory_bytes
    assert 0 < health.disk_free_bytes < health.disk_bytes
    assert [each.name for each in health.warm] == ["server", KERNEL]
    size = host.client.home("ada")
    assert size.complete
    assert size.bytes >= 1024**2


def test_a_name_that_leads_elsewhere_is_no_username(host: HostAtWork) -> None:
    for name in ("../ada", "a/b", "", "Ada"):
        with pytest.raises(SeatHostError):
            host.client.stop(name)


def test_a_warm_process_knows_no_token(host: HostAtWork, ada: SeatServer, eve: SeatServer) -> None:
    """What it knew, every later seat would know."""
    for warm in host.client.health().warm:
        assert warm.pid
        memory = memory_of(warm.pid)
        assert b"hub_config.seat_host.warm" in memory, "nothing was read"
        assert b"token-of-ada" not in memory
        assert b"token-of-eve" not in memory
    started = host.client.state("eve").started
    assert started is not None
    memory = memory_of(started.pid)
    assert b"token-of-eve" in memory, "the search finds no token anywhere"
    assert b"token-of-ada" not in memory


def test_the_service_is_killed_and_its_seats_go_on(host: HostAtWork, ada: SeatServer) -> None:
    kernel = ada.start_kernel(KERNEL)
    ada.run_cell(kernel, "kept = 41")
    before = host.client.state("ada")
    host.end()
    # Meanwhile kernels are started as they would be without it.
    assert ada.run_cell(ada.start_kernel(KERNEL), "print(1)") == "1\n"
    host.run()
    assert host.client.state("ada").started == before.started
    assert ada.run_cell(kernel, "print(kept + 1)") == "42\n"
    assert host.client.start(host.order("ada", 1)) == before.started


def test_plain_starts_take_over_while_nothing_is_warm(host: HostAtWork) -> None:
    """A warm process that ended is not begun anew at once."""
    host.wait_until_warm()
    server = next(each for each in host.client.health().warm if each.name == "server")
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    started = host.client.start(host.order("bob", 3))
    assert not started.warm, host.service_log
    until(SeatServer("bob", host.port(3)).answers)
    host.client.stop("bob")
    assert not host.client.state("bob").running


def test_a_service_that_has_just_begun_is_waited_for(host: HostAtWork) -> None:
    """It has imported nothing yet; a plain start would import the same, for one seat."""
    host.end()
    host.run()
    assert host.client.start(host.order("bob", 3)).warm, host.service_log
    host.client.stop("bob")


def cpu_seconds_of(*command: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def later(code: str) -> str:
    """A cell that has ended when `code` runs: it waits for `now`."""
    return (
        "import os, threading, time\n"
        "def wait():\n"
        "    while not os.path.exists(os.path.expanduser('~/now')):\n"
        "        time.sleep(0.02)\n"
        f"    {code}\n"
        "threading.Thread(target=wait).start()"
    )


def now(host: HostAtWork, username: str) -> None:
    (host.settings.homes / username / "now").touch()


def processes_of(uid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid == uid and "\nState:\tZ" not in (folder / "status").read_text():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def memory_of(pid: int) -> bytes:
    """Everything that it may write to."""
    parts = []
    with standing_still(pid), Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights = line.split()[:2]
            first, last = (int(part, 16) for part in span.split("-"))
            if rights.startswith("rw"):
                memory.seek(first)
                parts.append(memory.read(last - first))
    return b"".join(parts)


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """A process that works gives memory back while it is read."""
    os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: "\nState:\tT" in Path(f"/proc/{pid}/status").read_text())
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
