"""The warm process of one environment: it imports the heavy libraries once and forks.

It never executes a cell and never sees one: sources go from the controller straight to the
fork that may know them, over a socket that the zygote only passes on. Its single thread reads
one request at a time: a role, a jail, and the sockets of the new process.

Start it as `python -I -c BOOTSTRAP FOLDER SOCKET WARMTH`: the folder that holds the package
`grader`, the number of the control socket, and "light" or "full" (see `Warmth`).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any, Literal

#: A "light" zygote has imported numpy and not the large libraries: its forks copy a third of
#: the memory, and a submission takes half the time.
Warmth = Literal["light", "full"]

BOOTSTRAP = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from grader.sealed import zygote; sys.path.pop(0); zygote.main(int(sys.argv[2]), sys.argv[3])"
)
_LONGEST_REQUEST = 65536
_FDS = 3  # leash, control, channel

#: Imported when the environment has them.
LIGHT = (
    "numpy",
    "numpy.testing",
    "numpy.random",
    "collections",
    "decimal",
    "fractions",
    "unittest.mock",
)
HEAVY = (
    "mxnet",
    "mxnet.gluon",
    "mxnet.autograd",
    "matplotlib",
    "matplotlib.pyplot",
    "matplotlib_inline.backend_inline",
    "tvm",
    "tvm.relax.frontend.onnx",
)


def main(fd: int, warmth: str) -> None:
    """Warm up, say so, serve until the controller is gone."""
    control = socket.socket(fileno=fd)
    shell = _warm_up((*LIGHT, *(HEAVY if warmth == "full" else ())))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # wardens are reaped by the kernel
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is meant for the controller
    gc.collect()
    gc.freeze()
    control.sendall(json.dumps({"ready": _description()}).encode())
    while True:
        request, fds, _, _ = socket.recv_fds(control, _LONGEST_REQUEST, _FDS)
        if not request:
            return
        _spawn(json.loads(request), fds, shell)
        for fd in fds:
            os.close(fd)


def _warm_up(names: Sequence[str]) -> Any:
    """Import what submissions import, and prepare the shell that each one forks."""
    from grader.sealed import checker, seccomp, shell, student

    del checker, student
    # Before matplotlib, which looks for a shell to show its pictures in.
    warm_shell = shell.make_shell()
    for name in names:
        with contextlib.suppress(Exception):  # an environment without it is still one
            importlib.import_module(name)
    seccomp.compile_filter()
    return warm_shell


def _description() -> dict[str, Any]:
    names = ("numpy", "mxnet", "IPython")
    versions = {name: getattr(sys.modules.get(name), "__version__", None) for name in names}
    return {"python": sys.version.split()[0], "threads": _threads(), **versions}


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - a count, not paths


def _spawn(request: dict[str, Any], fds: list[int], shell: Any) -> None:
    from grader.sealed import syscalls

    pid = syscalls.fork()
    if pid:
        return
    code = 1
    try:
        _be_a_warden(request, fds, shell)
        code = 0
    finally:
        os._exit(code)


def _be_a_warden(request: dict[str, Any], fds: list[int], shell: Any) -> None:
    from grader.sealed import warden
    from grader.sealed.jail import Jail

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    leash, control, channel = fds
    _close_all_but(fds)
    _silence()

    def body() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _play(request["role"], socket.socket(fileno=control), socket.socket(fileno=channel), shell)

    with socket.socket(fileno=leash) as held:
        warden.guard(Jail.from_json(request["jail"]), request["groups"], held, body)


def _play(role: str, control: socket.socket, channel: socket.socket, shell: Any) -> None:
    from grader.sealed import checker, student
    from grader.sealed.frames import Wire

    match role:
        case "student":
            student.serve(Wire(control), Wire(channel), shell)
        case "checker":
            checker.serve(Wire(control), Wire(channel))


def _close_all_but(kept: list[int]) -> None:
    first = 3
    for fd in sorted(kept):
        os.closerange(first, fd)
        os.set_inheritable(fd, False)
        first = fd + 1
    os.closerange(first, 4096)


def _silence() -> None:
    """Standard streams of a jailed process lead nowhere until it opens its own."""
    nowhere = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)
    os.close(nowhere)
