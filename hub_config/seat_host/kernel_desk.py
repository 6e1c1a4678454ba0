"""Where seats ask for kernels: a Unix socket that every jail has. Linux says which seat asks.

What comes is not trusted and, but for the interpreter's path, not read: it is passed on to the
kernel, which reads it as the seat.

    python's path · newline · JSON of a Task · end    ->    {"ok": true, "pid": 12}
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections import Counter
from pathlib import Path

from hub_config.seat_host.keeper import SeatKeeper
from hub_config.seat_host.protocol import SeatHostError, line, refusal
from hub_config.seat_host.warm.entering import PAYLOAD_BYTES
from provisioning.errors import WorkshopError

_CREDENTIALS = struct.Struct("iII")
#: Whoever connects and says nothing is cut off then.
_PATIENCE_SECONDS = 5.0
#: Of one seat at a time; more are turned away.
_MOST_AT_ONCE = 4
_LONGEST_PATH = 4096
_BACKLOG = 128


class KernelDesk:
    """A thread that listens, and one for each seat that asks."""

    def __init__(self, keeper: SeatKeeper, folder: Path) -> None:
        self._keeper = keeper
        self._asking: Counter[int] = Counter()
        self._lock = threading.Lock()
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder.chmod(0o755)
        self._listener = listener(folder / "kernels.sock", 0o666)

    def serve(self) -> None:
        """For ever, in threads of its own."""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            link, _ = self._listener.accept()
            uid = peer_uid(link)
            with self._lock:
                if self._asking[uid] >= _MOST_AT_ONCE:
                    link.close()
                    continue
                self._asking[uid] += 1
            threading.Thread(target=self._serve_one, args=(link, uid), daemon=True).start()

    def _serve_one(self, link: socket.socket, uid: int) -> None:
        try:
            with link:
                link.settimeout(_PATIENCE_SECONDS)
                link.sendall(self._answer(link, uid))
        except OSError:
            pass  # whoever asked has gone
        finally:
            with self._lock:
                self._asking[uid] -= 1

    def _answer(self, link: socket.socket, uid: int) -> bytes:
        try:
            python, _, payload = _read_all(link).partition(b"\n")
            username = self._keeper.seat_of(uid)
            if username is None:
                raise SeatHostError("not-a-seat", "only seats of this host get kernels")
            pid = self._keeper.start_kernel(username, python.decode(errors="replace"), payload)
        except WorkshopError as error:
            return refusal(error)
        return line({"ok": True, "pid": pid})


def listener(path: Path, mode: int) -> socket.socket:
    """A Unix socket at `path` with that mode, in place of one that an earlier service left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.unlink(missing_ok=True)
    made.bind(str(scratch))
    scratch.chmod(mode)
    made.listen(_BACKLOG)
    # Only now can it be found: with the right mode, and answering.
    scratch.replace(path)
    return made


def peer_uid(link: socket.socket) -> int:
    """The account that opened the other end, as Linux knows it."""
    told = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(told)
    return int(uid)


def _read_all(link: socket.socket) -> bytes:
    """Until the sender is done. Raises: SeatHostError when it doesn't come to an end."""
    received = b""
    while part := link.recv(65536):
        received += part
        if len(received) > PAYLOAD_BYTES + _LONGEST_PATH:
            raise SeatHostError("too-long", "the request is too long")
    return received
