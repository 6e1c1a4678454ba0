"""An archive while it arrives, in chunks of any order, each checked before it is kept."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterator

from .folders import disk_full
from .order import Layout, Order


class Chunks:
    """The chunks of one archive on this host. Readers and writers may be in threads.

    Nothing is remembered beside the bytes: what an earlier ship left is hashed again, so a
    file that a power cut or a person spoilt costs the spoilt chunks and no more.
    """

    def __init__(self, order: Order, layout: Layout) -> None:
        self._order = order
        self._layout = layout
        self._digests = order.digest_list()
        self._have = bytearray(order.chunks)
        #: In order of arrival, only ever appended to, so that every reader keeps its own place.
        self.arrived: list[int] = []
        self._noting = threading.Lock()
        self._all_here = threading.Event()
        #: Called after a chunk has come, by the thread that brought it.
        self._told: tuple[Callable[[], None], ...] = ()
        if layout.archive.exists():  # its name says whole; that is to be seen
            layout.archive.replace(layout.part)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self.descriptor = os.open(layout.part, flags, 0o600)

    @property
    def complete(self) -> bool:
        return len(self.arrived) == self._order.chunks

    @property
    def bytes_here(self) -> int:
        return min(len(self.arrived) * self._order.chunk_bytes, self._order.archive_bytes)

    @property
    def have(self) -> bytes:
        """A byte for each chunk: 1 for those that are here."""
        return bytes(self._have)

    def have_text(self) -> str:
        return base64.b64encode(self.have).decode()

    def keep_what_is_there(self) -> None:
        """Hash what an earlier ship left."""
        there = os.fstat(self.descriptor).st_size
        buffer = memoryview(bytearray(self._order.chunk_bytes))
        for index in range(self._order.chunks):
            if self.offset(index) >= there:
                break
            piece = buffer[: self._order.chunk_size(index)]
            if os.preadv(self.descriptor, [piece], self.offset(index)) == len(piece):
                self._keep_if_it_fits(index, piece)

    def store(self, index: int, data: memoryview) -> bool:
        """Keep a chunk that is what the manifest says; False if it isn't."""
        if index >= self._order.chunks or len(data) != self._order.chunk_size(index):
            return False
        if self._have[index]:
            return True
        if hashlib.sha256(data).digest() != self._digests[index]:
            return False
        self._write(data, self.offset(index))
        self._note(index)
        return True

    def offset(self, index: int) -> int:
        return index * self._order.chunk_bytes

    @contextlib.contextmanager
    def told_to(self, tell: Callable[[], None]) -> Iterator[None]:
        """Call `tell` for every chunk that comes meanwhile. It must neither wait nor raise."""
        with self._noting:
            self._told = (*self._told, tell)
        try:
            yield
        finally:
            with self._noting:
                self._told = tuple(each for each in self._told if each != tell)

    def wait_for_all(self) -> None:
        """Until every chunk is here."""
        while not self.complete:
            self._all_here.wait()

    def put_in_place(self) -> None:
        """The whole archive under its own name, and nothing behind its end.

        Without a sync: who uses it hashes it again, so a power cut costs another transfer only.
        """
        os.ftruncate(self.descriptor, self._order.archive_bytes)
        self._layout.part.replace(self._layout.archive)

    def _keep_if_it_fits(self, index: int, piece: memoryview) -> None:
        if hashlib.sha256(piece).digest() == self._digests[index]:
            self._note(index)

    def _note(self, index: int) -> None:
        with self._noting:
            if self._have[index]:  # two senders brought it
                return
            self._have[index] = 1
            self.arrived.append(index)
        for tell in self._told:
            tell()
        if self.complete:
            self._all_here.set()

    def _write(self, data: memoryview, offset: int) -> None:
        try:
            while data:
                written = os.pwrite(self.descriptor, data, offset)
                data, offset = data[written:], offset + written
        except OSError as error:
            raise self._explained(error) from error

    def _explained(self, error: OSError) -> Exception:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return error
        status = os.statvfs(self._layout.incoming)
        free = status.f_bavail * status.f_frsize
        return disk_full(self._layout.incoming, self._order.archive_bytes, free)
