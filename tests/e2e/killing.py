"""Ending processes without a warning, and knowing which ones a workshop has."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from hub_config.supervisor import marked_processes

#: What in its command line tells one program of a workshop from the others.
PROGRAMS = {
    "supervisord": "supervisor.supervisord",
    "hub": "jupyterhub",
    "exchange": "hub_config.exchange.service",
    "proxy": "traefik",
    "grader": "grader",
    "seats": "hub_config.seat_host.service",
}


def kill_at(command: Sequence[str], said: str, pause: float = 0.0) -> str:
    """Run a command and `kill -9` it once it has printed `said`; what it printed until then."""
    printed = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            printed += line
            if said in line:
                time.sleep(pause)
                process.kill()
                return printed
    raise AssertionError(f"{command} ended without saying {said!r}:\n{printed}")


@contextmanager
def suspended(home: Path, program: str) -> Iterator[None]:
    """A program that does nothing for a while, as on a machine that is busy."""
    found = processes(home, program)
    assert found, f"{program} does not run"
    for process in found:
        process.suspend()
    try:
        yield
    finally:
        for process in found:
            process.resume()


def processes(home: Path, program: str) -> list[psutil.Process]:
    """The processes of one program (not its workers); at most one when all is well."""
    word = PROGRAMS[program]
    return [
        process
        for process in marked_processes(home)
        if word in _words(process) and not is_seat(process)
    ]


def seat_processes(home: Path, username: str) -> set[int]:
    """Every process of a seat: its jail, its server, its kernels."""
    found = (process for process in marked_processes(home) if _seat_of(process) == username)
    return {process.pid for process in found}


def kill(home: Path, program: str) -> None:
    """`kill -9` of a program that must be running."""
    (process,) = processes(home, program)
    process.kill()


def wait_for(happened: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def is_seat(process: psutil.Process) -> bool:
    return _seat_of(process) is not None


def _seat_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("JUPYTERHUB_USER")
    except psutil.Error:
        return None


def _words(process: psutil.Process) -> list[str]:
    """The program's own command line: names of files count, folders don't."""
    try:
        return [Path(word).name for word in process.cmdline()]
    except psutil.Error:
        return []
