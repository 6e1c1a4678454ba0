"""Hosts that cost nothing: a folder and an address of this machine, reached without SSH.

Each sees its own folder where the environments belong (a mount namespace), so that the program
for hosts runs here as it does there, at the same paths.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from provisioning.environments.shipping.hosts import ShipHost, Talk
from provisioning.fleet import Address
from provisioning.ssh.errors import CommandFailed, DeadlinePassed
from provisioning.ssh.kept_output import Finished
from provisioning.ssh.login import Login

HERE = Address("here")


def own_address(number: int) -> str:
    """An address of this machine; every test process has 255 of its own."""
    pid = os.getpid()
    return f"127.{64 + pid % 64}.{pid // 64 % 256}.{number}"


class LocalTalk:
    """A command here, with the manners of provisioning.ssh.talk.Talk."""

    def __init__(
        self, host: LocalHost, process: subprocess.Popen[bytes], seconds: float, link: Link
    ) -> None:
        self._host = host
        self._process = process
        self._until = time.monotonic() + seconds
        self._link = link
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def write(self, data: bytes) -> None:
        assert self._process.stdin
        self._link.carry(len(data), self._host)
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise CommandFailed(HERE, "it", self._process.wait(), b"", b"") from None

    def read_line(self, seconds: float | None = None) -> bytes | None:
        left = self._until - time.monotonic()
        try:
            return self._lines.get(timeout=max(0.001, left if seconds is None else seconds))
        except queue.Empty:
            raise DeadlinePassed(HERE, "reading", left) from None

    def finish(self) -> Finished:
        assert self._process.stderr
        said = self._process.stderr.read()
        return Finished(self._process.wait(), b"", said, 0)

    def _read(self) -> None:
        assert self._process.stdout
        with contextlib.suppress(ValueError):  # closed by the test's end
            for line in self._process.stdout:
                if b'"ready"' in line:
                    self._host.ready.set()
                elif b'"joined"' in line or b'"starved"' in line:
                    self._host.taking.set()
                self._lines.put(line.rstrip(b"\n"))
        self._lines.put(None)


@dataclass
class Link:
    """What this machine sends to all hosts goes through it."""

    #: Bytes a second; None: as fast as it goes.
    pace: float | None = None
    carried: int = 0
    #: Called once, when so many bytes were carried, with the host that they went to.
    then: tuple[int, Callable[[LocalHost], object]] | None = None
    #: Chunks wait for these.
    wait_for: Iterable[threading.Event] = ()
    _one: threading.Lock = field(default_factory=threading.Lock)

    def carry(self, count: int, host: LocalHost) -> None:
        if count > 50_000:
            assert all(each.wait(20) for each in self.wait_for)
        with self._one:
            self.carried += count
            if self.pace:
                time.sleep(count / self.pace)
            if self.then and self.carried > self.then[0]:
                action, self.then = self.then[1], None
                action(host)


@dataclass
class LocalHost:
    """One of them. Its folder is its disk: it stays when the host is killed."""

    name: str
    address: str
    disk: Path
    #: Where it sees its disk.
    root: Path
    #: Run before the program, such as a smaller world for it.
    before: str = ""
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    #: It said that it is ready to take chunks, and to give them.
    ready: threading.Event = field(default_factory=threading.Event)
    #: It said that it has joined another host, or that no other gives it anything.
    taking: threading.Event = field(default_factory=threading.Event)

    @property
    def environments(self) -> Path:
        """Its environments, seen from here."""
        return self.disk / "environments"

    @property
    def in_use(self) -> str | None:
        link = self.environments / "nlp"
        return str(link.readlink()) if link.is_symlink() else None

    def kill(self) -> None:
        """As a power cut does: no process of it gets a last word."""
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        """Its connections stay open, and nothing moves on them."""
        self._signal(signal.SIGSTOP)

    @contextlib.contextmanager
    def start(self, command: str, seconds: float, link: Link) -> Iterator[LocalTalk]:
        enter = f'mount --bind "$0" "$1" && {self.before or ":"} && exec sh -c "$2"'
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", enter, self.disk, self.root, command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.running.append(process)
        try:
            yield LocalTalk(self, process, seconds, link)
        finally:
            self._end(process)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        self.running.remove(process)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def _signal(self, number: signal.Signals) -> None:
        for process in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)


@dataclass
class LocalFleet:
    """Some hosts, and the link to them."""

    root: Path
    hosts: dict[str, LocalHost]
    link: Link = field(default_factory=Link)

    def __getitem__(self, name: str) -> LocalHost:
        return self.hosts[name]

    def ship_hosts(self, *names: str, reachable: bool = True) -> dict[str, ShipHost]:
        """All of them, or those named; `reachable` by each other."""
        return {
            name: ShipHost(
                Login(Address(self.hosts[name].address), Path("/nonexistent"), ()),
                self.hosts[name].address if reachable else None,
            )
            for name in names or self.hosts
        }

    def start(self, host: ShipHost, command: str, seconds: float) -> AbstractContextManager[Talk]:
        """For ShipOptions."""
        address = host.login.address.host
        machine = next(each for each in self.hosts.values() if each.address == address)
        return machine.start(command, seconds, self.link)

    def start_in_order(
        self, host: ShipHost, command: str, seconds: float
    ) -> AbstractContextManager[Talk]:
        """The same, but each when the one before takes: b takes from a, c from b, ..."""
        machines = list(self.hosts.values())
        place = next(n for n, each in enumerate(machines) if each.address == host.private_address)
        self.link.wait_for = [each.taking for each in machines]
        if place:
            assert machines[place - 1].taking.wait(20)
        return self.start(host, command, seconds)
