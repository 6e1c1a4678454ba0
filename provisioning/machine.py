"""What this machine is and has: facts only, judged elsewhere."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from provisioning.errors import NotPossibleHere
from provisioning.folders import nearest_existing
from provisioning.interpreter import DEBIAN_PYTHON, NOBODY, Interpreter, find_interpreter

# The namespaces that a seat's jail asks for.
_TRY_JAIL = (
    "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev",
    "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "true",
)  # fmt: skip

# Settings of the kernel that forbid an ordinary account its own namespaces, and the
# value at which each does. Not every kernel has each of them.
_NAMESPACE_SWITCHES = {
    "kernel.unprivileged_userns_clone": "0",
    "user.max_user_namespaces": "0",
    "kernel.apparmor_restrict_unprivileged_userns": "1",
}


@dataclass(frozen=True)
class Bubblewrap:
    """The jail's tool: where it is, and what it says when an ordinary account tries it."""

    path: Path | None
    error: str = ""
    switched_off_by: str = ""

    @property
    def works(self) -> bool:
        return self.path is not None and not self.error


@dataclass(frozen=True)
class Machine:
    """The facts that decide what a workshop can do here."""

    is_root: bool
    cores: int
    memory_bytes: int
    free_memory_bytes: int
    bubblewrap: Bubblewrap
    interpreter: Interpreter | NotPossibleHere
    chromium: Path | None


@dataclass(frozen=True)
class PortHolder:
    """Who listens on a port. Only root sees the processes of others."""

    address: str
    pid: int | None
    command: str

    def __str__(self) -> str:
        if self.pid is None:
            return "a process of another account"
        return f"process {self.pid} ({self.command})"


def look_at_this_machine(python: Path = DEBIAN_PYTHON) -> Machine:
    """Look once; nothing is changed."""
    memory = psutil.virtual_memory()
    return Machine(
        is_root=os.geteuid() == 0,
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=memory.total,
        free_memory_bytes=memory.available,
        bubblewrap=look_at_bubblewrap(),
        interpreter=_interpreter(python),
        chromium=_which("chromium") or _which("google-chrome"),
    )


def look_at_bubblewrap() -> Bubblewrap:
    """Try a jail as a seat would: under an account that owns nothing, if we are root."""
    path = _which("bwrap")
    if path is None:
        return Bubblewrap(None)
    as_seat: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    tried = subprocess.run(
        [path, *_TRY_JAIL],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        **(as_seat if os.geteuid() == 0 else {}),
    )
    if tried.returncode == 0:
        return Bubblewrap(path)
    said = tried.stderr.strip() or f"exit status {tried.returncode}"
    return Bubblewrap(path, said.splitlines()[-1], _namespaces_switched_off_by())


def free_disk(path: Path) -> int:
    """Bytes that we could write where `path` is or will be."""
    return shutil.disk_usage(nearest_existing(path)).free


def why_port_is_closed(address: str, port: int) -> OSError | None:
    """Try to listen; the error if that isn't possible."""
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, where = found[0]
        with socket.socket(family, kind, protocol) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attempt.bind(where)
            attempt.listen(1)
    except OSError as error:
        return error
    return None


def is_in_use(error: OSError) -> bool:
    return error.errno == errno.EADDRINUSE


def port_holder(port: int) -> PortHolder | None:
    """Who listens on `port` on any address, as far as we may see."""
    for connection in psutil.net_connections(kind="tcp"):
        local = connection.laddr
        if connection.status == psutil.CONN_LISTEN and local and local.port == port:
            command = ""
            if connection.pid is not None:
                with contextlib.suppress(psutil.Error):
                    command = " ".join(psutil.Process(connection.pid).cmdline())
            return PortHolder(local.ip, connection.pid, command[:80])
    return None


def _namespaces_switched_off_by() -> str:
    for name, off in _NAMESPACE_SWITCHES.items():
        setting = Path("/proc/sys", *name.split("."))
        if setting.exists() and setting.read_text().strip() == off:
            return f"{name}={off}"
    return ""


def _interpreter(python: Path) -> Interpreter | NotPossibleHere:
    try:
        return find_interpreter(python)
    except NotPossibleHere as error:
        return error


def _which(command: str) -> Path | None:
    found = shutil.which(command)
    return Path(found) if found else None
