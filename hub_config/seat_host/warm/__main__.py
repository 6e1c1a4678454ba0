"""A warm process: imports once, then forks a seat's server or kernel whenever it is told to.

    python -m hub_config.seat_host.warm server|kernel|plain DESCRIPTOR MODULE...

It holds no secret, for what it read every later child would have in its memory: the orders go
to the child alone. It keeps one thread and opens nothing, or forking would not be safe.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from hub_config.seat_host.warm import kernel, kernel_calls, plain, server
from hub_config.seat_host.warm.entering import Task, become_seat, refused

_WORDS = 64

Run = Callable[[Task], None]


def main(kind: str, descriptor: int, modules: Iterable[str]) -> None:
    """Serve until the service hangs up."""
    link = socket.socket(fileno=descriptor)
    part = {"server": server, "kernel": kernel, "plain": plain}[kind]
    missing = [module for module in (*part.MODULES, *modules) if not _imported(module)]
    part.prepare()
    # What is there now is never freed: without this each child's first collection would
    # write to, and so copy, all of it.
    gc.collect()
    gc.freeze()
    sys.stdout.flush()
    sys.stderr.flush()
    link.send(json.dumps({"unsafe": unsafe(descriptor), "missing": missing}).encode())
    serve(link, part.run)


def serve(link: socket.socket, run: Run) -> None:
    """One message, one fork; the message carries the child's control socket."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(link, _WORDS, 1)
        if not message:
            return
        _reap()
        control = descriptors[0]
        child = kernel_calls.fork()
        if child == 0:
            link.detach()
            _live(socket.socket(fileno=control), run)
        os.close(control)
        link.send(b"forked %d" % child)


def _reap() -> None:
    """Earlier forks end as soon as their own children are in their jails. Nobody waits for
    that: the next seat may come from another thread of the service."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def unsafe(descriptor: int) -> str:
    """Why forking this process would not be safe; empty when it is."""
    if not kernel_calls.can_fork():
        return "the C library is older than glibc 2.34"
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        return f"{threads} threads run"
    for open_file in Path("/proc/self/fd").iterdir():
        number = int(open_file.name)
        if number > 2 and number != descriptor and open_file.exists():
            return f"{open_file.readlink()} is open"
    return ""


def _imported(module: str) -> bool:
    try:
        importlib.import_module(module)
    except Exception:
        return False
    return True


def _live(control: socket.socket, run: Run) -> NoReturn:
    """The child's whole life. It must never return into the warm process's loop."""
    try:
        task = become_seat(control)
    except BaseException as error:
        traceback.print_exc()  # into the seat's log, if it came that far
        with suppress(OSError):
            refused(control, error)
        # No exit handler of anybody may run in somebody's jail with root's rights.
        os._exit(1)
    run(task)
    sys.exit(0)


if __name__ == "__main__":
    # Nothing of whoever started us is a good place to be in.
    os.chdir("/")
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
