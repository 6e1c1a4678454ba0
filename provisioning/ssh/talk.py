"""A command on a host while it runs: what it is told, what it says, and how it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from provisioning.fleet import Address
from provisioning.ssh.deadline import Deadline
from provisioning.ssh.errors import (
    CommandFailed,
    ConnectionLost,
    DeadlinePassed,
    RootRefused,
    SshError,
    shortened,
)
from provisioning.ssh.kept_output import KEPT_BYTES, Finished, KeptOutput
from provisioning.ssh.remote_command import sudo_refusal

#: What SSH carries in one packet: 32 KiB less its own header.
PACKET = 32 * 1024 - 64
_READ = 128 * 1024
_LONGEST_LINE = 2**20


class Channel(Protocol):
    """The part of paramiko's channel that we use. Its calls raise TimeoutError and others."""

    closed: bool
    exit_status: int
    status_event: threading.Event

    def settimeout(self, timeout: float | None) -> None: ...
    def send(self, s: bytes) -> int: ...
    def recv(self, nbytes: int) -> bytes: ...
    def recv_stderr(self, nbytes: int) -> bytes: ...
    def shutdown_write(self) -> None: ...


@dataclass(frozen=True)
class About:
    """What a talk is about, for its errors."""

    address: Address
    command: str
    deadline: Deadline
    #: Why the whole connection ended, if it did; None while it is up.
    why_lost: Callable[[], str | None]
    #: What the SSH library raises when its connection broke.
    broken: tuple[type[Exception], ...]

    @property
    def what(self) -> str:
        """The command, as a message shows it."""
        return f"`{shortened(self.command)}`"


class Talk:
    """A running command. One thread may write while another one reads.

    stderr is read in the background all the time, so that a talkative command never waits
    for us; a bounded head and tail of it are kept. Every method raises DeadlinePassed at the
    command's deadline and ConnectionLost when the connection ended before the command.
    """

    def __init__(
        self,
        channel: Channel,
        about: About,
        *,
        keep: int = KEPT_BYTES,
        on_stderr: Callable[[bytes], None] = lambda found: None,
    ) -> None:
        """`on_stderr` hears stderr as it arrives, in a thread of its own."""
        self._channel = channel
        self._about = about
        self._on_stderr = on_stderr
        self._stdout = KeptOutput(keep)
        self._stderr = KeptOutput(keep)
        self._unread = bytearray()
        self._draining = threading.Thread(target=self._drain_stderr, name="stderr", daemon=True)
        self._draining.start()

    def write(self, data: bytes) -> None:
        """Send `data` to the command's stdin; waits while the command doesn't read.

        Raises CommandFailed when the command ended before it had read everything.
        """
        if not self._send(data):
            raise self._ended_early()

    def close_stdin(self) -> None:
        """Tell the command that nothing more comes."""
        if not self._channel.closed:
            try:
                self._channel.shutdown_write()
            except self._about.broken:
                return  # whoever reads next will hear why

    def read(self, seconds: float | None = None) -> bytes:
        """Some bytes of stdout as they arrive; b"" at its end.

        Raises DeadlinePassed after `seconds`, too: the command goes on, try again.
        """
        if self._unread:
            found = bytes(self._unread)
            self._unread.clear()
            return found
        limit = None if seconds is None else Deadline(seconds)
        while True:
            try:
                left = self._about.deadline.left
                self._wait_at_most(left if limit is None else min(left, limit.left))
                found = self._channel.recv(_READ)
            except TimeoutError:
                self._check_deadline()
                if limit is not None and limit.passed:
                    raise DeadlinePassed(
                        self._about.address, f"an answer of {self._about.what}", limit.seconds
                    ) from None
            except self._about.broken as error:
                raise self._lost(str(error)) from error
            else:
                return found or self._at_end()

    def read_line(self, seconds: float | None = None) -> bytes | None:
        """The next line of stdout without its newline; None at the end.

        A line of more than 1 MiB comes in pieces. Raises as `read` does.
        """
        line = bytearray()
        while True:
            try:
                found = self.read(seconds)
            except DeadlinePassed:
                self._unread[:0] = line
                raise
            before, newline, after = found.partition(b"\n")
            line += before
            if newline or len(line) > _LONGEST_LINE:
                self._unread[:0] = after
                return bytes(line)
            if not found:
                return bytes(line) or None

    def lines(self) -> Iterator[bytes]:
        """Every line of stdout until its end."""
        while (line := self.read_line()) is not None:
            yield line

    def finish(self, stdin: Iterable[bytes] = ()) -> Finished:
        """Send `stdin`, close it, read the rest, and wait for the command's end.

        A command may end without reading all of `stdin`: its status says whether that is fine.
        The result holds what `read` didn't take.
        """
        with self._feeding(stdin):
            while found := self.read():
                self._stdout.add(found)
            self._draining.join(self._about.deadline.left)
            self._channel.status_event.wait(self._about.deadline.left)
        status = self._channel.exit_status
        if status < 0 or self._draining.is_alive():
            self._check_deadline()
        if status < 0:
            raise self._without_status()
        return self._checked(status)

    @contextmanager
    def _feeding(self, stdin: Iterable[bytes]) -> Iterator[None]:
        """Send `stdin` from a thread, so that a command that answers meanwhile never waits."""
        failures: list[Exception] = []

        def feed() -> None:
            try:
                sent = all(self._send(chunk) for chunk in stdin)
            except SshError:
                return  # the reading side meets the same deadline
            except Exception as error:  # reading what we send failed
                failures.append(error)
            else:
                if not sent:
                    return
            self.close_stdin()

        feeder = threading.Thread(target=feed, name="stdin", daemon=True)
        if stdin:
            feeder.start()
        else:
            self.close_stdin()
        yield
        if failures:
            raise failures[0]

    def _send(self, data: bytes) -> bool:
        """Send all of it; False when the command or the connection ended before."""
        view = memoryview(data)
        while view:
            try:
                self._wait_at_most(self._about.deadline.left)
                sent = self._channel.send(bytes(view[:PACKET]))
            except TimeoutError:
                # Perhaps another thread set a shorter timeout: nothing was sent.
                self._check_deadline()
                continue
            except self._about.broken:
                return False
            if sent == 0:  # the channel is closed
                return False
            view = view[sent:]
        return True

    def _at_end(self) -> bytes:
        """Nothing more comes: because the command said so, or because the connection broke?"""
        if self._channel.closed and self._channel.exit_status < 0:
            self._check_deadline()
            raise self._without_status()
        return b""

    def _checked(self, status: int) -> Finished:
        stderr = self._stderr.content()
        if (said := sudo_refusal(status, stderr)) is not None:
            raise RootRefused(self._about.address, said)
        cut = self._stdout.cut + self._stderr.cut
        return Finished(status, self._stdout.content(), stderr, cut)

    def _drain_stderr(self) -> None:
        while not self._about.deadline.passed:
            try:
                self._wait_at_most(self._about.deadline.left)
                found = self._channel.recv_stderr(_READ)
            except TimeoutError:
                continue
            except self._about.broken:
                return
            if not found:
                return
            self._stderr.add(found)
            self._on_stderr(found)

    def _wait_at_most(self, seconds: float) -> None:
        # 0 would mean "don't wait at all" and fail even if there is something to read.
        self._channel.settimeout(max(0.001, seconds))

    def _check_deadline(self) -> None:
        about = self._about
        if not about.deadline.passed:
            return
        detail = ""
        if self._channel.status_event.is_set() and self._channel.exit_status >= 0:
            detail = (
                f"it ended with status {self._channel.exit_status}, but something that it "
                "started still holds its output open"
            )
        raise DeadlinePassed(about.address, self._about.what, about.deadline.seconds, detail=detail)

    def _ended_early(self) -> SshError:
        """Why the command reads no more: the connection, or its own end."""
        if (why := self._about.why_lost()) is not None:
            return self._lost(why)
        done = self.finish()
        return CommandFailed(
            self._about.address, self._about.command, done.status, done.stdout, done.stderr
        )

    def _without_status(self) -> SshError:
        """Every command's line ends with a status (`on_host`), so who has none was cut off. The
        connection may say why, or not yet: it ends a moment after its sessions."""
        return self._lost(self._about.why_lost() or "its session was closed on the host")

    def _lost(self, why: str) -> SshError:
        return ConnectionLost(self._about.address, f"{self._about.what} ran", why)
