"""One run of rsync between a jail here and a jail on a seat's host.

rsync in its jail has no network, so it can't start ssh itself. Instead of ssh it is given a
shell that says what rsync wants to run over there (first pipe), then passes bytes on, out
(second) and back (third). ssh has the other ends. What comes back is counted on its way, inside
the kernel, and cut when it is more than a home may have.

    jail here [ rsync ⇄ bash ] ══ pipes ══ ssh ══ network ══ sshd ═ jail there [ rsync ]
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Self

from hub_config.backup.errors import CopyFailed, HostSilent, TooSlow
from hub_config.backup.processes import Running

#: What stands for the other side in rsync's arguments.
THERE = "seat"
#: Links stay links, holes stay holes. Whole files, so that the bytes that come in are the bytes
#: that are written; times in nanoseconds, so that a change within a second is seen.
OPTIONS = (
    *("--links", "--perms", "--times", "--sparse", "--whole-file", "--modify-window=-1"),
    *("--numeric-ids", "--timeout=30"),
)
#: 23: some files could not be read. 24: some have gone since they were listed.
PARTLY = (23, 24)
#: What rsync says around the files: names, sizes, times.
OVERHEAD_BYTES = 64 * 1024**2
_SSH_FAILED = 255
_MOST_WORDS = 2**16
_AT_ONCE = 2**20

# The last cat ends when nothing more comes, and so does rsync then; the other when rsync has.
_SHELL = (
    'shift; printf "%s\\0" "$@" "" >&{words}; exec {words}>&- {{stdin}}<&0; '
    "cat <&$stdin >&{out} & exec cat <&{back}"
)


class _Pipe:
    """Two ends that are closed with it, or before."""

    def __init__(self) -> None:
        read, write = os.pipe()
        self.read, self.write = os.fdopen(read, "rb", 0), os.fdopen(write, "wb", 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self.read.close()
        self.write.close()


class _Valve(threading.Thread):
    """Lets so many bytes through from one pipe to another, then none."""

    def __init__(self, source: _Pipe, target: _Pipe, most: int) -> None:
        super().__init__(daemon=True)
        self._source, self._target, self._left = source, target, most
        self.start()

    def run(self) -> None:
        with self._target.write as target, self._source.read as source, suppress(OSError):
            while self._left > 0:
                at_once = min(self._left, _AT_ONCE)
                moved = os.splice(source.fileno(), target.fileno(), at_once)
                if moved == 0:
                    return
                self._left -= moved

    @property
    def shut(self) -> bool:
        return self._left <= 0


@dataclass(frozen=True)
class Transfer:
    """`jail`: the command of the jail here. `other_half` turns rsync's own command line for the
    other side into the argv of ssh. `most_bytes` may come in before we cut it; `until` is in
    monotonic seconds."""

    jail: Sequence[str]
    arguments: Sequence[str]
    other_half: Callable[[Sequence[str]], Sequence[str]]
    most_bytes: int
    until: float

    def run(self) -> int:
        """rsync's status: 0, or one of PARTLY. Raises CopyFailed, HostSilent, TooSlow."""
        with ExitStack() as stack:
            words, out, back, came = (stack.enter_context(_Pipe()) for _ in range(4))
            valve = _Valve(came, back, self.most_bytes + OVERHEAD_BYTES)
            # Backwards at the end: both programs, then the last writer, then the valve is done.
            stack.callback(valve.join)
            stack.callback(came.write.close)
            rsync = self._rsync(words, out, back)
            stack.callback(rsync.end)
            words.write.close()
            there = self.other_half(self._wanted(words, rsync))
            ssh = Running(there, stdin=out.read, stdout=came.write.fileno())
            stack.callback(ssh.end)
            for end in (out.read, out.write, back.read, came.write):
                end.close()
            status = rsync.wait(self.until)
            if status != 0 and status not in PARTLY:
                raise _failure(rsync, ssh, valve, status)
            return status

    def _rsync(self, words: _Pipe, out: _Pipe, back: _Pipe) -> Running:
        ends = (words.write.fileno(), out.write.fileno(), back.read.fileno())
        shell = _SHELL.format(words=ends[0], out=ends[1], back=ends[2])
        # cat gives up when a write would have to wait; rsync's sockets are such without the word.
        through = ("--blocking-io", f"--rsh=bash -c '{shell}' shell")
        command = [*self.jail, "rsync", *through, *self.arguments]
        return Running(command, pass_fds=ends)

    def _wanted(self, words: _Pipe, rsync: Running) -> list[str]:
        """What rsync would have its other half be: `rsync --server ...`. Nothing of an
        attendee's has been read by then."""
        said = b""
        while not said.endswith(b"\0\0"):
            left = self.until - time.monotonic()
            if left <= 0 or not select.select([words.read], [], [], left)[0]:
                raise TooSlow("rsync did not begin in time")
            chunk = os.read(words.read.fileno(), _MOST_WORDS)
            if not chunk:
                status = rsync.wait(self.until)
                raise CopyFailed(f"rsync ended with status {status}: {rsync.said}")
            said += chunk
        return [word.decode() for word in said[:-2].split(b"\0")]


def _failure(rsync: Running, ssh: Running, valve: _Valve, status: int) -> CopyFailed:
    if valve.shut:
        return CopyFailed("it sent more than a home may have: it grows faster than it is copied")
    try:
        status_there = ssh.wait(time.monotonic() + 2)
    except TooSlow:
        status_there = 0
    if status_there == _SSH_FAILED:
        return HostSilent(f"the connection was lost: {ssh.said or 'no answer'}")
    said = " ".join(filter(None, (ssh.said, rsync.said))) or "no word"
    return CopyFailed(f"rsync ended with status {status} here, {status_there} there: {said}")
