"""The same thing on many hosts at once: a bad host costs its own result and nobody's time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from provisioning.errors import WorkshopError
from provisioning.ssh.connection import Connection, connect
from provisioning.ssh.deadline import Deadline
from provisioning.ssh.errors import ConnectionLost, DeadlinePassed
from provisioning.ssh.login import Login

T = TypeVar("T")

#: Hosts at a time. Measured with 50 hosts: more threads than this gain nothing.
WORKERS = 32
#: A Ctrl-C that comes just before a wait begins is only seen when the wait ends.
_CTRL_C_SECONDS = 0.5
#: For workers to come to their end once their connections are closed.
_GOODBYE_SECONDS = 1.0
#: A host that doesn't answer keeps a worker from the others this long at most.
_CONNECT_SECONDS = 15.0


@dataclass
class _Round(Generic[T]):
    """One call of `on_each`: what is to be done, what is open, what has come of it."""

    logins: Mapping[str, Login]
    action: Callable[[str, Connection], T]
    deadline: Deadline
    waiting: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    results: queue.SimpleQueue[tuple[str, T | BaseException]] = field(
        default_factory=queue.SimpleQueue
    )
    open: dict[str, Connection] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)
    workers: list[threading.Thread] = field(default_factory=list)

    def begin(self, workers: int) -> None:
        for number in range(min(workers, len(self.logins))):
            # Daemons: a worker that hangs in `action` must not keep the program from ending.
            worker = threading.Thread(target=self.work, name=f"host-{number}", daemon=True)
            self.workers.append(worker)
            worker.start()

    def work(self) -> None:
        """What each worker does: host after host, until there is none or it is over."""
        while not self.over.is_set():
            try:
                name = self.waiting.get_nowait()
            except queue.Empty:
                return
            try:
                result: T | BaseException = self._visit(name)
            except BaseException as error:
                result = error
            self.results.put((name, result))

    def _visit(self, name: str) -> T:
        # A little less than what is left, so that its own error is here in time.
        seconds = min(_CONNECT_SECONDS, 0.9 * self.deadline.left)
        with connect(self.logins[name], seconds=seconds) as connection:
            self.open[name] = connection
            try:
                if self.over.is_set():
                    connection.close("the others were stopped")
                return self.action(name, connection)
            finally:
                del self.open[name]

    def stop(self) -> None:
        """End what still runs: a closed connection ends every call on it."""
        self.over.set()
        for connection in tuple(self.open.values()):
            connection.close("its time was over")
        # The program may end now, and one that Python meets in the midst of encrypting crashes it.
        goodbye = Deadline(_GOODBYE_SECONDS)
        for worker in self.workers:
            if worker.ident is not None:
                worker.join(goodbye.left)


def on_each(
    logins: Mapping[str, Login],
    action: Callable[[str, Connection], T],
    *,
    seconds: float,
    workers: int = WORKERS,
) -> dict[str, T | WorkshopError]:
    """Log in to every host and call `action(name, connection)`; the results by name.

    `seconds` is for all of them together: a host that isn't done by then has DeadlinePassed as
    its result. What else goes wrong on one host is its result, too. An error that is no
    WorkshopError is a mistake in `action` and raised here when all hosts are done; Ctrl-C cuts
    all connections and is raised at once.
    """
    this = _Round(logins, action, Deadline(seconds))
    for name in logins:
        this.waiting.put(name)
    try:
        this.begin(workers)
        return _collect(this)
    finally:
        this.stop()


def _collect(this: _Round[T]) -> dict[str, T | WorkshopError]:
    found: dict[str, T | WorkshopError] = {}
    mistakes: list[BaseException] = []
    missing = set(this.logins)
    while missing:
        try:
            name, result = this.results.get(timeout=min(_CTRL_C_SECONDS, this.deadline.left))
        except queue.Empty:
            if this.deadline.passed:
                break
            continue
        missing.discard(name)
        match result:
            case ConnectionLost() if this.deadline.passed:
                missing.add(name)
            case WorkshopError():
                found[name] = result
            case BaseException():
                mistakes.append(result)
            case _:
                found[name] = result
    if mistakes:
        raise mistakes[0]
    late = {name: _late(this, name) for name in missing}
    return {name: found[name] if name in found else late[name] for name in this.logins}


def _late(this: _Round[T], name: str) -> DeadlinePassed:
    begun = name in this.open
    detail = "" if begun else "it was not reached in time"
    doing = f"the work on {name}"
    return DeadlinePassed(this.logins[name].address, doing, this.deadline.seconds, detail=detail)
