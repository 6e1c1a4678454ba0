"""What we keep of an output that may be larger than memory: its head and its tail."""

from __future__ import annotations

from dataclasses import dataclass

#: Bytes of each stream that a command's result holds.
KEPT_BYTES = 2**20


@dataclass(frozen=True)
class Finished:
    """A command that ended. `cut`: bytes of both streams that were left out of their middle."""

    status: int
    stdout: bytes
    stderr: bytes
    cut: int = 0


class KeptOutput:
    """Takes any number of bytes, keeps at most `most` of them: half from each end."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._for_tail = most // 2
        self._for_head = most - self._for_tail
        self._head = bytearray()
        self._tail = bytearray()
        self.size = 0

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        room = self._for_head - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:]
        if len(self._tail) > 2 * self._for_tail + 2**16:  # seldom, so that adding stays cheap
            self._trim()

    @property
    def cut(self) -> int:
        """How many bytes are left out."""
        return max(0, self.size - self._for_head - self._for_tail)

    def content(self) -> bytes:
        """Everything, or the two ends with a line between them that says what is missing."""
        self._trim()
        if not self.cut:
            return bytes(self._head + self._tail)
        note = f"\n[... {self.cut} of {self.size} bytes left out ...]\n".encode()
        return bytes(self._head) + note + bytes(self._tail)

    def _trim(self) -> None:
        del self._tail[: max(0, len(self._tail) - self._for_tail)]
