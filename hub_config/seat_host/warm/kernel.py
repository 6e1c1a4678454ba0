"""A warm kernel: as `python -m ipykernel_launcher`, with the environment's heavy modules."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from hub_config.seat_host.warm.entering import Task

MODULES = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.zmqshell",
    "IPython.core.completer",
    # The backend for notebooks itself must wait: it finds its shell when it is imported.
    "matplotlib.backends.backend_agg",
)
_THREAD_CALLS = (
    ("libgomp", "omp_set_num_threads"),
    ("libiomp", "omp_set_num_threads"),
    ("libomp", "omp_set_num_threads"),
    ("openblas", "openblas_set_num_threads"),
)


def prepare() -> None:
    """Nothing more than importing is safe before the fork."""


def run(task: Task) -> None:
    """Does not return before the kernel ends."""
    from ipykernel.kernelapp import IPKernelApp

    _own_chance()
    _own_threads(int(task.environment.get("OMP_NUM_THREADS", "1")))
    sys.argv = [_launcher(), *task.argv]
    IPKernelApp.launch_instance()


def _own_chance() -> None:
    """NumPy drew its seed before the fork; every kernel gets its own, as in a plain start.
    Python's `random` sees to itself."""
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(int.from_bytes(os.urandom(4), "little"))


def _own_threads(count: int) -> None:
    """Libraries read the number of threads when they were loaded, and were told one then."""
    if count <= 1:
        return
    lines = Path("/proc/self/maps").read_text().splitlines()
    loaded = {line.split(maxsplit=5)[5] for line in lines if line.count("/") > 1}
    for path in sorted(loaded):
        for part, call in _THREAD_CALLS:
            if part in Path(path).name:
                with suppress(OSError, AttributeError):
                    getattr(ctypes.CDLL(path), call)(count)


def _launcher() -> str:
    """What a plain start has as the program's name."""
    found = find_spec("ipykernel_launcher")
    return found.origin or "" if found else ""
