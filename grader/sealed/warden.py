"""The process between the zygote and a jailed process: it holds the leash.

The controller holds the other end. It writes `i` to interrupt the jailed process like a
keyboard would; it lets go of the leash, on purpose or by dying, to kill it. The jailed
process is the first of its pid namespace, so that nothing it started outlives it. The warden
tells the controller the process's number at the start, and how it ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
from collections.abc import Callable

from grader.sealed import jail as walls
from grader.sealed import syscalls


def guard(
    jail: walls.Jail, groups: list[str], leash: socket.socket, body: Callable[[], None]
) -> None:
    """Run `body` in the jail and return when it and everything it started is dead."""
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    for group in groups:
        with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("0")
    try:
        walls.separate(jail)
        itself = os.pidfd_open(os.getpid())
        pid = syscalls.fork()
    except OSError as error:
        _tell(leash, {"broken": f"the jail could not be built: {error}"})
        return
    if pid == 0:
        _be_the_prisoner(jail, itself, leash, body)
    _tell(leash, {"pid": pid})
    _hold(pid, leash)
    _, status, usage = os.wait4(pid, 0)
    _tell(
        leash,
        {
            "exit": os.waitstatus_to_exitcode(status),
            "cpu": usage.ru_utime + usage.ru_stime,
            "megabytes": usage.ru_maxrss / 1024,
        },
    )


def _hold(pid: int, leash: socket.socket) -> None:
    process = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.register(leash, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poll.poll()}
        if process in ready:
            break
        order = _order(leash)
        if order == b"i":
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGINT)
        else:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            poll.unregister(leash)
    os.close(process)


def _order(leash: socket.socket) -> bytes:
    """Nothing when the controller has let go: Linux says so with an error when it did before it
    had read our last word."""
    try:
        return leash.recv(1)
    except ConnectionResetError:
        return b""


def _be_the_prisoner(
    jail: walls.Jail, warden: int, leash: socket.socket, body: Callable[[], None]
) -> None:
    code = 1
    try:
        walls.enter(jail)
        leash.close()
        # From now on it dies with its warden; one that died before can't hold it.
        if not _has_ended(warden):
            os.close(warden)
            body()
            code = 0
    except BaseException as error:  # the process ends here, whatever happened
        with contextlib.suppress(BaseException):
            _tell(leash, {"broken": f"the jail could not be entered: {error!r}"})
    finally:
        os._exit(code)


def _has_ended(process: int) -> bool:
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(0))


def _tell(leash: socket.socket, message: dict[str, object]) -> None:
    with contextlib.suppress(OSError):
        leash.sendall(json.dumps(message).encode() + b"\n")
