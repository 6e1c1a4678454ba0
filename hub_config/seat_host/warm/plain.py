"""The plain start: nothing is imported, the seat's own program is run."""

from __future__ import annotations

import os
import signal

from hub_config.seat_host.warm.entering import Task

MODULES = ()


def prepare() -> None:
    """There is nothing to prepare."""


def run(task: Task) -> None:
    """Does not return: the program takes this process's place."""
    # Python ignores it for itself; a program expects to end when nobody reads on.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execvpe(task.argv[0], list(task.argv), dict(task.environment))  # noqa: S606
