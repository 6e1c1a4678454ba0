"""An end for the calls of the SSH library that wait without a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from provisioning.ssh.deadline import Deadline

#: After a deadline, a command may take this long to be closed before its connection is cut.
CLOSING_SECONDS = 0.5


class Waiting(Protocol):
    """A channel; setting its event ends a wait for the server's consent to a command."""

    event: threading.Event


@contextmanager
def guarded(deadline: Deadline, cut: Callable[[], None]) -> Iterator[list[Waiting]]:
    """Run the block with a second thread that watches the deadline; append channels to the list.

    At the deadline, channels stop waiting for the server to start their command. A block that
    is still there half a second later is stuck, because the socket takes no bytes: `cut` is called.
    """
    done = threading.Event()
    watched: list[Waiting] = []

    def watch() -> None:
        if done.wait(deadline.left):
            return
        for channel in watched:
            channel.event.set()
        if not done.wait(CLOSING_SECONDS):
            cut()

    threading.Thread(target=watch, name="deadline", daemon=True).start()
    try:
        yield watched
    finally:
        done.set()
