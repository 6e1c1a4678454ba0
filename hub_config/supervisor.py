"""supervisord keeps the workshop's processes running until `down`; this module talks to it.

A well-kept supervisor beats a home-made one: restart on failure, log rotation, one
account per program. On machines with systemd the same programs become units.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from hub_config.hub_host import hub_unit
from provisioning.errors import StepFailed

#: A busy machine takes long to start a Python.
START_SECONDS = 120
STOP_SECONDS = 60
CONTROL_SECONDS = 120
#: Every process that we start carries this variable: the state folder it belongs to.
MARK = "WORKSHOP_STATE_HOME"


@dataclass(frozen=True)
class ProgramState:
    name: str
    state: str
    detail: str

    @property
    def running(self) -> bool:
        return self.state == "RUNNING"

    @property
    def pid(self) -> int | None:
        """Of a program that runs: "pid 4711, uptime 0:00:17"."""
        found = re.match(r"pid (\d+)", self.detail)
        return int(found[1]) if found and self.running else None


class Supervisor:
    """One supervisord for one workshop, found by its configuration file."""

    def __init__(
        self, hub_python: Path, configuration: Path, state_home: Path, *, as_unit: bool = False
    ) -> None:
        """`as_unit`: systemd starts it, also after a restart of the machine."""
        self._python = hub_python
        self._configuration = configuration
        self._state_home = state_home
        self._as_unit = as_unit

    def pid(self) -> int | None:
        """The running supervisord of this configuration, found without a pid file."""
        for process in psutil.process_iter(["pid", "cmdline"]):
            command = process.info["cmdline"] or []
            if str(self._configuration) in command and "supervisor.supervisord" in command:
                return int(process.info["pid"])
        return None

    def ensure_running(self) -> bool:
        """Start it, or tell the running one about changed programs. True when started."""
        if self.pid() is not None:
            self._control("update")
            self._start_stopped()
            return False
        self._end_leftovers()
        said = self._start()
        if said is not None or not _wait(lambda: bool(self.states()), START_SECONDS):
            raise StepFailed(
                f"supervisord did not start: {said or 'no answer'}",
                next_step=f"read {self._state_home / 'logs' / 'supervisord.log'}",
            )
        return True

    def _start(self) -> str | None:
        """None, or why it could not be started."""
        command = [str(self._python), "-m", "supervisor.supervisord"]
        command += ["-c", str(self._configuration)]
        if self._as_unit:
            mark = ["/usr/bin/env", f"{MARK}={self._state_home}"]
            return hub_unit.start(self._state_home.name, [*mark, *command, "--nodaemon"])
        environment = {**os.environ, MARK: str(self._state_home)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode == 0:
            return None
        return (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"

    def states(self) -> tuple[ProgramState, ...]:
        """Every program and its state; empty when supervisord does not run."""
        rows = [line.split(None, 2) for line in self._control("status").splitlines()]
        known = {"RUNNING", "STARTING", "STOPPED", "BACKOFF", "EXITED", "FATAL", "STOPPING"}
        return tuple(
            ProgramState(row[0], row[1], row[2] if len(row) > 2 else "")
            for row in rows
            if len(row) > 1 and row[1] in known
        )

    def age(self, name: str) -> float:
        """For how many seconds a program's process has run; 0 for one that doesn't run."""
        pid = next((each.pid for each in self.states() if each.name == name), None)
        try:
            return time.time() - psutil.Process(pid).create_time() if pid else 0.0
        except psutil.NoSuchProcess:
            return 0.0

    def restart(self, name: str) -> None:
        self._control("restart", name)

    def shut_down(self) -> bool:
        """End every program, then supervisord. False when there was nothing to end."""
        pid = self.pid()
        if self._as_unit:
            hub_unit.forget()
        if pid is None:
            self._end_leftovers()
            return False
        self._control("shutdown")
        if not _wait(lambda: self.pid() is None, STOP_SECONDS):
            _end(psutil.Process(pid))
        self._end_leftovers()
        return True

    def _end_leftovers(self) -> None:
        """Programs whose supervisord was killed. Seats are left to the next hub."""
        for process in marked_processes(self._state_home):
            try:
                is_seat = "JUPYTERHUB_USER" in process.environ()
            except (psutil.Error, OSError):
                continue
            if not is_seat and process.pid != os.getpid():
                _end(process)

    def _start_stopped(self) -> None:
        for program in self.states():
            if not program.running and program.state != "STARTING":
                self._control("start", program.name)

    def _control(self, *verb: str) -> str:
        command = [str(self._python), "-m", "supervisor.supervisorctl"]
        command += ["-c", str(self._configuration), *verb]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=CONTROL_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return ""  # it hangs; whoever needs it gone ends it by force
        return done.stdout


def marked_processes(state_home: Path) -> tuple[psutil.Process, ...]:
    """Every process of a workshop: supervisord and its programs, the grader, the seats."""
    return tuple(process for process in psutil.process_iter() if _is_marked(process, state_home))


def _is_marked(process: psutil.Process, state_home: Path) -> bool:
    try:
        return process.environ().get(MARK) == str(state_home)
    except (psutil.Error, OSError):
        return False


def _end(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        try:
            process.wait(timeout=5)
        except psutil.TimeoutExpired:
            process.kill()


def _wait(happened: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happened():
            return True
        time.sleep(0.2)
    return False
