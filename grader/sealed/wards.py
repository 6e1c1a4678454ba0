"""The controller's hold on the processes of one environment: the zygote and its forks."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from grader.sealed.frames import Wire
from grader.sealed.jail import Jail
from grader.sealed.zygote import BOOTSTRAP, Warmth

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_WARM_UP_SECONDS = 120.0
_CLEAN = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/tmp",  # noqa: S108 - the jail's own
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MPLCONFIGDIR": "/tmp/.matplotlib",  # noqa: S108
    "IPYTHONDIR": "/tmp/.ipython",  # noqa: S108
    "PYTHONDONTWRITEBYTECODE": "1",
    # One thread each: slots share the cores, and a fork copies no threads.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MXNET_CPU_WORKER_NTHREADS": "1",
}


class MachineError(Exception):
    """This machine could not run a submission: nobody's fault, to be tried again."""


@dataclass(frozen=True)
class End:
    """How a jailed process ended: exit code, or minus the signal."""

    code: int | None
    cpu_seconds: float = 0.0
    megabytes: float = 0.0
    broken: str = ""


class Ward:
    """One jailed process: its control wire, its number, and the leash that kills it."""

    def __init__(self, leash: socket.socket, control: socket.socket) -> None:
        self._leash = leash
        self.control = Wire(control)
        self._told = b""
        self._end: End | None = None
        #: Whether the warden is gone without having said how its process ended.
        self.lost = False

    @cached_property
    def pid(self) -> int:
        """The number of the process. Waits until it was started."""
        word = self._listen(30.0)
        if word is None or "pid" not in word:
            raise MachineError(str((word or {}).get("broken", "no process was started")))
        return int(word["pid"])

    def _listen(self, within: float) -> dict[str, Any] | None:
        """The warden's next word, or None when it is silent for this long."""
        until = time.monotonic() + within
        while b"\n" not in self._told:
            ready, _, _ = select.select([self._leash], [], [], max(until - time.monotonic(), 0))
            if not ready:
                return None
            piece = self._hear()
            if not piece:
                self.lost = True
                return None
            self._told += piece
        line, _, self._told = self._told.partition(b"\n")
        word: dict[str, Any] = json.loads(line)
        return word

    def _hear(self) -> bytes:
        """Nothing when the warden is gone: Linux says so with an error when it died before it
        had read our last order."""
        try:
            return self._leash.recv(4096)
        except ConnectionResetError:
            return b""

    def interrupt(self) -> None:
        """What Ctrl-C would do."""
        self._order(b"i")

    def kill(self) -> None:
        """Kill the process and everything it started."""
        self._order(b"k")

    def _order(self, order: bytes) -> None:
        try:
            self._leash.sendall(order)
        except OSError:
            return  # it is dead already

    def ended(self, within: float = 0.0) -> End | None:
        """How it ended, or None while it lives."""
        while self._end is None:
            word = self._listen(within)
            if word is None:
                return None
            if "exit" in word:
                self._end = End(word["exit"], word["cpu"], word["megabytes"])
            elif "broken" in word:
                self._end = End(None, broken=word["broken"])
        return self._end

    def release(self) -> None:
        """Let go: the warden kills what is left."""
        self._leash.close()
        self.control.close()


class Zygote:
    """The warm process of one environment. Safe to use from many threads."""

    def __init__(self, python: Path, log: Path, warmth: Warmth = "full") -> None:
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, log.open("ab") as sink:
            fd = theirs.fileno()
            self._process = subprocess.Popen(
                [str(python), "-I", "-c", BOOTSTRAP, str(_PACKAGE_ROOT), str(fd), warmth],
                env=_CLEAN,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                pass_fds=[fd],
                start_new_session=True,
            )
        self._control = ours
        self._control.settimeout(_WARM_UP_SECONDS)
        try:
            word = json.loads(self._control.recv(65536) or b"{}")
        except (OSError, ValueError):
            word = {}
        if "ready" not in word:
            self.close()
            raise MachineError(f"the environment of {python} does not start: {_last_line(log)}")
        #: Versions of what it imported.
        self.description: dict[str, Any] = word["ready"]

    @property
    def pid(self) -> int:
        """The process, for measurements and tests."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether it can still fork. It says nothing after its first word, so that something
        to read means that it closed its socket, which one that is dying has done already."""
        closed, _, _ = select.select([self._control], [], [], 0)
        return not closed and self._process.poll() is None

    def spawn(self, role: str, jail: Jail, channel: socket.socket, groups: list[str]) -> Ward:
        """Fork one jailed process that speaks over `channel`, which is closed here."""
        leash, their_leash = socket.socketpair()
        control, their_control = socket.socketpair()
        request = {"role": role, "jail": jail.as_json(), "groups": groups}
        with their_leash, their_control, channel, self._lock:
            try:
                fds = [their_leash.fileno(), their_control.fileno(), channel.fileno()]
                socket.send_fds(self._control, [json.dumps(request).encode()], fds)
            except OSError as error:
                leash.close()
                control.close()
                raise MachineError(f"the environment's warm process is gone: {error}") from None
        return Ward(leash, control)

    def close(self) -> None:
        """End it, and with it every process it forked."""
        self._control.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it says nothing"


def environment_folders(python: Path) -> tuple[str, ...]:
    """What a process of this environment must be able to read, besides the system's /usr."""
    code = "import sys, json; print(json.dumps([sys.prefix, sys.base_prefix, sys.exec_prefix]))"
    try:
        out = subprocess.run(
            [str(python), "-I", "-c", code], check=True, capture_output=True, env=_CLEAN
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise MachineError(f"the environment of {python} does not start: {error}") from None
    found = {*json.loads(out), str(Path(os.path.realpath(python)).parent.parent)}
    outside = sorted(folder for folder in found if not f"{folder}/".startswith("/usr/"))
    return tuple(f for f in outside if not any(f.startswith(f"{o}/") for o in outside))
