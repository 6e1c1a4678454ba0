"""From a fork of a root process to a process of the seat, with no way back.

    service ─► header + descriptors ─► namespaces of the jail ─► fork ─► account ─► "ready"
    service ─► payload (environment, tokens) ─────────────────── read only now ──────┘

Until privileges are gone nothing of the attendee is read and nothing is imported, though her
files are in reach; afterwards no descriptor of the warm process is open.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hub_config.seat_host.warm import kernel_calls
from hub_config.seat_host.warm.shown_environment import show_environment

#: In the order in which they are joined; their descriptors come in the same order, then the log.
NAMESPACES = ("ipc", "uts", "mnt", "pid")
HEADER_BYTES = 4096
#: One message: an environment takes about 10 kB.
PAYLOAD_BYTES = 160 * 1024
#: Python's sockets and a few hundred files; a seat may raise it to the second number.
_OPEN_FILES = (4096, 16384)
#: When the host runs out of memory, Linux ends a seat before anything of ours.
_FIRST_TO_GO = "500"
#: Where the control socket is while every descriptor above it is closed.
_CONTROL = 3


@dataclass(frozen=True)
class Account:
    """Whom the process becomes."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Task:
    """What to do in the seat."""

    environment: Mapping[str, str]
    folder: str
    argv: tuple[str, ...]


def become_seat(control: socket.socket) -> Task:
    """Returns in a new process of the seat; the calling process ends.

    Raises: OSError or ValueError when a step is refused. The caller must end then.
    """
    account, namespaces, log = _header(control)
    os.setgroups([])
    kernel_calls.leave_keyring()
    _set_limits()
    for namespace in namespaces:
        kernel_calls.join_namespace(namespace)
    # Only children are born into a process namespace that was joined.
    child = kernel_calls.fork()
    if child != 0:
        control.send(b"child %d" % child)
        os._exit(0)
    os.setsid()
    _give_up_root(account)
    inner = _keep_only(control, log)
    inner.send(b"ready %d" % os.getpid())
    task = _task(inner)
    inner.close()
    _settle(task)
    return task


def refused(control: socket.socket, error: BaseException) -> None:
    """Tell the service why there will be no process."""
    control.send(f"failed {type(error).__name__}: {error}".encode()[:HEADER_BYTES])


def _header(control: socket.socket) -> tuple[Account, list[int], int]:
    message, descriptors, _, _ = socket.recv_fds(control, HEADER_BYTES, len(NAMESPACES) + 1)
    told = json.loads(message)
    account = Account(int(told["uid"]), int(told["gid"]))
    if account.uid <= 0 or account.gid <= 0:
        raise ValueError("a seat is never root")
    if len(descriptors) != len(NAMESPACES) + 1:
        raise ValueError(f"{len(descriptors)} descriptors came")
    return account, descriptors[:-1], descriptors[-1]


def _set_limits() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    usual, raised = (min(files, most) for files in _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (usual, raised))
    Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)


def _give_up_root(account: Account) -> None:
    kernel_calls.forbid_every_capability()
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    kernel_calls.give_up_capabilities()
    kernel_calls.never_gain_privileges()
    _prove(account)


def _prove(account: Account) -> None:
    """Believe nothing: ask, and try to get back."""
    if os.getresuid() != (account.uid,) * 3 or os.getresgid() != (account.gid,) * 3:
        raise ValueError("the account is not the seat's")
    if os.getgroups() not in ([], [account.gid]):
        raise ValueError("groups of root are left")
    try:
        os.setuid(0)
    except PermissionError:
        return
    raise ValueError("root can be had again")


def _keep_only(control: socket.socket, log: int) -> socket.socket:
    """0 reads nothing, 1 and 2 write the seat's log, 3 is the control socket; no others."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for source, target in ((nothing, 0), (log, 1), (log, 2), (control.detach(), _CONTROL)):
        os.dup2(source, target)
    os.closerange(_CONTROL + 1, os.sysconf("SC_OPEN_MAX"))
    return socket.socket(fileno=_CONTROL)


def _task(control: socket.socket) -> Task:
    message = control.recv(PAYLOAD_BYTES)
    told = json.loads(message)
    environment = {str(key): str(value) for key, value in told["environment"].items()}
    return Task(environment, str(told["folder"]), tuple(str(part) for part in told["argv"]))


def _settle(task: Task) -> None:
    """The process as a shell would have started it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP):
        handler = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN if number == signal.SIGPIPE else handler)
    os.environ.clear()
    os.environ.update(task.environment)
    show_environment(task.environment)
    os.umask(0o077)
    os.chdir(task.folder)
    # Python read PYTHONPATH when the warm process began; `/` was put there by its `-m`.
    told = [folder for folder in task.environment.get("PYTHONPATH", "").split(os.pathsep) if folder]
    sys.path[:] = [*told, *(each for each in sys.path if each not in ("", "/", *told))]
    sys.dont_write_bytecode = False
    kernel_calls.let_own_account_look()
