"""A way to a server that lets some bytes of its answers through, and then is silent or closes."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Literal, Self

from provisioning.fleet import Address


class StallingProxy:
    """Forwards connections to `behind`. After `most` bytes of answers it does as `then` says."""

    def __init__(
        self, behind: Address, *, most: int = 2**40, then: Literal["stall", "close"] = "stall"
    ) -> None:
        self._behind = (behind.host, behind.port)
        self._then = then
        self._left = most
        self.passed = 0
        self._open: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in (self._server, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(self._behind)
                self._open += (near, far)
                threading.Thread(target=self._there, args=(near, far), daemon=True).start()
                threading.Thread(target=self._back, args=(near, far), daemon=True).start()

    def _there(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := near.recv(65536):
                far.sendall(chunk)

    def _back(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while self._left and (chunk := far.recv(min(65536, self._left))):
                near.sendall(chunk)
                self._left -= len(chunk)
                self.passed += len(chunk)
            if self._then == "close":
                near.shutdown(socket.SHUT_RDWR)
