"""The sessions' server, jailed: one walled-in process per session, for a limited time.

    python -m provisioning.arm.server CONTROL_DESCRIPTOR LIMITS_JSON

It has imported TVM, so that a session begins at once. It knows no key and no seat: `serve` sends
it connections, each with a number, over the control socket, and hears from it which have ended.
There is nothing of ours here but this folder.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any

from provisioning.arm import walls
from provisioning.arm.usage import session_usage

_LOOK_SECONDS = 0.25
_LONGEST = 4096


@dataclass(frozen=True)
class Limits:
    """Of one session."""

    seconds: float
    memory_bytes: int
    processes: int
    scratch_bytes: int
    #: An emulator reserves address space far beyond what it uses, so there only the watch counts.
    emulated: bool


@dataclass
class _Session:
    """Its first process ends with `child`, and everything else with that."""

    child: int
    deadline: float


def main() -> None:
    """Serve until the control socket closes."""
    control = socket.socket(fileno=int(sys.argv[1]))
    limits = Limits(**json.loads(sys.argv[2]))
    from tvm import rpc  # type: ignore[import-not-found] # noqa: F401 - a fork is then ready

    _Server(control, limits).run()


class _Server:
    def __init__(self, control: socket.socket, limits: Limits) -> None:
        self._control = control
        self._limits = limits
        self._sessions: dict[int, _Session] = {}

    def run(self) -> None:
        self._say(ready=True)
        while True:
            readable, _, _ = select.select([self._control], [], [], _LOOK_SECONDS)
            if readable and not self._obey():
                return
            self._look_after_sessions()

    def _obey(self) -> bool:
        """One order; False when there will be none any more."""
        data, descriptors = _receive(self._control)
        if not data:
            return False
        order = json.loads(data)
        if "begin" in order and descriptors:
            self._begin(int(order["begin"]), descriptors[0])
        elif "end" in order and int(order["end"]) in self._sessions:
            self._kill(self._sessions[int(order["end"])])
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _begin(self, number: int, connection: int) -> None:
        try:
            child = os.fork()
        except OSError as error:  # too many processes: somebody is at it
            self._say(ended=number, why=f"could not begin: {error.strerror}")
            return
        if child == 0:
            _become_session(connection, self._control, self._limits)
        self._sessions[number] = _Session(child, time.monotonic() + self._limits.seconds)

    def _look_after_sessions(self) -> None:
        for number, session in list(self._sessions.items()):
            why = self._too_much(session)
            if why:
                self._kill(session)
            done, _ = os.waitpid(session.child, 0 if why else os.WNOHANG)
            if done:
                del self._sessions[number]
                self._say(ended=number, why=why)

    def _too_much(self, session: _Session) -> str:
        if time.monotonic() > session.deadline:
            return f"it ran for {self._limits.seconds:g} s"
        usage = session_usage(session.child)
        if usage.memory_bytes > self._limits.memory_bytes:
            return f"it used more than {self._limits.memory_bytes // 2**20} MB of memory"
        if usage.processes > self._limits.processes:
            return f"it started more than {self._limits.processes} processes"
        return ""

    def _kill(self, session: _Session) -> None:
        with contextlib.suppress(OSError):
            os.kill(session.child, signal.SIGKILL)

    def _say(self, **words: object) -> None:
        self._control.send(json.dumps(words).encode())


def _receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """An order and what came with it. By hand: socket.recv_fds wants more of an emulator."""
    room = array.array("i").itemsize
    data, extra, _, _ = control.recvmsg(_LONGEST, socket.CMSG_SPACE(room))
    found = array.array("i")
    for level, kind, content in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(content[: len(content) - len(content) % room])
    return data, list(found)


def _become_session(connection: int, control: socket.socket, limits: Limits) -> None:
    """In a fork of the server: wait for the walled-in process that serves, and end with it."""
    try:
        os.setsid()
        control.close()
        walls.separate()
        first = os.fork()
        if first == 0:
            _serve(connection, limits)
        os.close(connection)
        os.waitpid(first, 0)
    except BaseException as error:
        sys.stderr.write(f"a session could not begin: {type(error).__name__}: {error}\n")
        sys.stderr.flush()
    finally:
        os._exit(0)


def _serve(connection: int, limits: Limits) -> None:
    status = 1
    try:
        walls.close_in(limits.scratch_bytes)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limits.scratch_bytes, limits.scratch_bytes))
        if not limits.emulated:
            # So much that the watch comes first also when it is late: it ends the session, and
            # says why. A refusal here would be an error of the attendee's code, which goes on.
            most = 8 * limits.memory_bytes
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        nowhere = os.open("/dev/null", os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        _serve_rpc(connection)
        status = 0
    except walls.WallsDown as error:
        sys.stderr.write(f"a session has no walls, so it does not begin: {error}\n")
        sys.stderr.flush()
    except Exception:
        status = 1  # whoever connected went away, or sent what TVM refuses
    finally:
        os._exit(status)


def _serve_rpc(connection: int) -> None:
    import tvm_ffi  # type: ignore[import-not-found]
    from tvm.rpc import _ffi_api  # type: ignore[import-not-found]
    from tvm.runtime import load_module  # type: ignore[import-not-found]

    def path_of(name: str) -> str:
        return os.path.join("/tmp", os.path.basename(name))  # noqa: PTH118, PTH119, S108

    def load(name: str) -> Any:
        return load_module(path_of(name))

    tvm_ffi.register_global_func("tvm.rpc.server.workpath", path_of, override=True)
    tvm_ffi.register_global_func("tvm.rpc.server.load_module", load, override=True)
    _ffi_api.ServerLoop(connection)


if __name__ == "__main__":
    main()
