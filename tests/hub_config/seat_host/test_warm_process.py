"""A warm process is forked from while it is well and up to date, and replaced when it is not."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub_config.seat_host import warm_process
from hub_config.seat_host.protocol import SeatHostError
from hub_config.seat_host.warm_process import WarmPlan, WarmProcess
from hub_config.seat_host.warm_processes import WarmProcesses
from hub_config.seat_process import SeatProcess
from tests.hub_config.seat_host.a_host import settings_in
from tests.hub_config.seat_host.host_at_work import SOURCE, until


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def an_environment(folder: Path) -> Path:
    """An interpreter is all that these tests need of one."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    return folder


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def warm(tmp_path: Path, clock: Clock) -> Iterator[WarmProcess]:
    """Of an environment that is found by a link, as a host's are."""
    (tmp_path / "env").symlink_to(an_environment(tmp_path / "env-1"))
    process = WarmProcess(
        WarmPlan("env", "plain", tmp_path / "env", SOURCE), tmp_path / "log", clock
    )
    process.tend()
    until(lambda: not process.state().ill)
    yield process
    process.end()


def forked(warm: WarmProcess) -> int:
    """The number of a fork, which ends when it hears nothing of the service."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        return warm.fork(theirs)


def test_it_forks_as_often_as_it_is_asked(warm: WarmProcess) -> None:
    assert forked(warm) != forked(warm)


def test_it_is_retired_when_its_environment_is_another(warm: WarmProcess, tmp_path: Path) -> None:
    before = warm.state()
    (tmp_path / "new").symlink_to(an_environment(tmp_path / "env-2"))
    (tmp_path / "new").replace(tmp_path / "env")
    with pytest.raises(SeatHostError, match="has changed") as caught:
        forked(warm)
    assert caught.value.kind == "cold"
    warm.tend()
    until(lambda: not warm.state().ill)
    assert warm.state().pid != before.pid
    assert warm.state().environment != before.environment
    assert forked(warm)


def test_packages_that_come_retire_it_without_being_asked(
    warm: WarmProcess, tmp_path: Path
) -> None:
    before = warm.state().pid
    (tmp_path / "env-1" / "lib" / "python3.11" / "site-packages" / "new").mkdir(parents=True)
    warm.tend()
    until(lambda: not warm.state().ill)
    assert warm.state().pid != before


def test_one_that_ended_is_ill_and_comes_back_after_a_pause(
    warm: WarmProcess, clock: Clock
) -> None:
    os.kill(warm.state().pid, signal.SIGKILL)
    until(lambda: SeatProcess.of(warm.state().pid) is None)
    warm.tend()
    assert "ended" in warm.state().ill
    with pytest.raises(SeatHostError):
        forked(warm)
    warm.tend()
    assert warm.state().pid == 0, "a process that ends at once must not be started all the time"
    clock.now += 6
    warm.tend()
    until(lambda: not warm.state().ill)
    assert forked(warm)


def test_one_that_is_killed_while_it_is_asked_is_ill(warm: WarmProcess) -> None:
    os.kill(warm.state().pid, signal.SIGKILL)
    with pytest.raises(SeatHostError) as caught:
        forked(warm)
    assert caught.value.kind == "ill"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()",
         "2 threads run"),
        ("import os; kept = os.open('/etc/hostname', os.O_RDONLY)", "/etc/hostname is open"),
    ],
)  # fmt: skip
def test_what_could_not_be_forked_safely_is_not_forked(tmp_path: Path, code: str, why: str) -> None:
    """A module that starts a thread or keeps a file open when it is imported."""
    environment = an_environment(tmp_path / "env")
    library = tmp_path / "library"
    library.mkdir()
    for room in ("hub_config", "provisioning"):
        (library / room).symlink_to(SOURCE / room)
    (library / "busy.py").write_text(code)
    plan = WarmPlan("env", "plain", environment, library, ("busy",))
    process = WarmProcess(plan, tmp_path / "log", time.monotonic)
    process.tend()
    until(lambda: process.state().ill != "it is warming up")
    assert why in process.state().ill
    process.end()


def test_a_module_that_is_not_there_is_done_without(tmp_path: Path) -> None:
    plan = WarmPlan("env", "plain", an_environment(tmp_path / "env"), SOURCE, ("no_such_module",))
    process = WarmProcess(plan, tmp_path / "log", time.monotonic)
    process.tend()
    until(lambda: not process.state().ill)
    process.end()


def test_it_ends_with_the_service(warm: WarmProcess) -> None:
    pid = warm.state().pid
    warm.end()
    assert not Path(f"/proc/{pid}").exists()


def slow_to_begin(
    tmp_path: Path, what: str, clock: Callable[[], float] = time.monotonic
) -> WarmProcess:
    """Of an interpreter that does something else first."""
    python = an_environment(tmp_path / "slow") / "bin" / "python"
    python.unlink()
    python.write_text(f'#!/bin/sh\n{what}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    plan = WarmPlan("env", "plain", tmp_path / "slow", SOURCE)
    return WarmProcess(plan, tmp_path / "log", clock)


def until_there_is(file: Path) -> str:
    return f"while [ ! -e {file} ]; do sleep 0.01; done"


def test_one_that_imports_for_long_is_not_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, imported = [], tmp_path / "imported"

    def more_and_more(pid: int) -> float:
        looks.append(pid)
        if len(looks) == 2:
            imported.touch()
        return float(len(looks))

    monkeypatch.setattr(warm_process, "_HELLO_SECONDS", 0.2)
    monkeypatch.setattr(warm_process, "_cpu_seconds", more_and_more)
    warm = slow_to_begin(tmp_path, until_there_is(imported))
    warm.tend()
    try:
        began = warm.state().pid
        until(lambda: not warm.state().ill)
        assert warm.state().pid == began
        assert set(looks) == {began}
    finally:
        warm.end()


def test_what_a_process_has_computed_is_known() -> None:
    assert warm_process._cpu_seconds(os.getpid()) > 0


def test_a_plain_start_waits_for_ten_seconds_and_more(tmp_path: Path) -> None:
    """As an interpreter takes on a busy host, while it is the only way to start a seat."""
    started, clock = tmp_path / "started", Clock()

    def two_seconds_at_each_look() -> float:
        if clock.now < 16:
            clock.now += 2
        else:
            started.touch()
        return clock.now

    warm = WarmProcesses(settings_in(tmp_path, SOURCE), tmp_path)
    warm._plain = slow_to_begin(tmp_path, until_there_is(started), two_seconds_at_each_look)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with ours, theirs:
            assert warm.fork_plainly(theirs)
    finally:
        warm.end()


def test_one_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_process, "_HELLO_SECONDS", 0.5)
    warm = slow_to_begin(tmp_path, "exec sleep 600")
    warm.tend()
    until(lambda: "no answer" in warm.state().ill)
    assert warm.state().pid == 0
    warm.end()
