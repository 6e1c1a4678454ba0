"""One port for all ships of a host: who could bind it hands the others' connections on.

Only one port is open between the hosts of a fleet, and two environments may be on their way at
once. So each relay tries to listen; the one that does passes a connection for another ship, with
its open descriptor, through that ship's Unix socket (in a folder that only root enters).
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from . import greeting

#: Strangers at the door at one time; more have to wait.
_MOST_GREETINGS = 32
_TRY_AGAIN_SECONDS = 0.2
#: No ship takes that long: a socket of that age is what a killed relay left.
_OLD_SECONDS = 2 * 24 * 3600

#: A connection that means this ship, and the hello that it began with.
Visit = Callable[[socket.socket, bytes], None]


class Switchboard:
    """Takes connections for `ship` at `address`, by itself or from another relay."""

    def __init__(self, address: tuple[str, int], folder: Path, ship: str, visit: Visit) -> None:
        self._address = address
        self._folder = folder
        self._ship = ship
        self._visit = visit
        self._door = threading.Semaphore(_MOST_GREETINGS)
        self._closed = False
        self._sockets: list[socket.socket] = []

    def open(self) -> str:
        """Begin to take connections. "" or why other hosts can't reach this one."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._forget_killed_relays()
        self._start(self._take_from_others, self._own_socket())
        try:
            listener = self._listener()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return f"{self._address[0]}:{self._address[1]}: {error.strerror}"
            self._start(self._wait_for_the_port)
        else:
            self._start(self._listen, listener)
        return ""

    def close(self) -> None:
        self._closed = True
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._path_of(self._ship).unlink(missing_ok=True)

    def _forget_killed_relays(self) -> None:
        for path in self._folder.glob("*.sock"):
            if time.time() - path.stat().st_mtime > _OLD_SECONDS:
                path.unlink(missing_ok=True)

    def _own_socket(self) -> socket.socket:
        path = self._path_of(self._ship)
        path.unlink(missing_ok=True)
        own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        own.bind(str(path))
        own.listen(64)
        self._sockets.append(own)
        return own

    def _listener(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(self._address)
            listener.listen(128)
        except OSError:
            listener.close()
            raise
        self._sockets.append(listener)
        return listener

    def _wait_for_the_port(self) -> None:
        """Another relay has it now; when that one ends, somebody must take over."""
        while not self._closed:
            time.sleep(_TRY_AGAIN_SECONDS)
            with contextlib.suppress(OSError), self._listener() as listener:
                self._listen(listener)  # returns at once if we were closed meanwhile

    def _listen(self, listener: socket.socket) -> None:
        while not self._closed:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._door.acquire()
            self._start(self._let_in, connection)

    def _let_in(self, connection: socket.socket) -> None:
        try:
            patience = greeting.GREETING_SECONDS
            greeting.set_patience(connection, receiving=patience, sending=patience)
            hello = greeting.hello_of(connection)
            if greeting.ship_in(hello) != self._ship:
                self._hand_on(connection, hello)
                return
        except (OSError, greeting.NotOneOfUs):
            connection.close()
            return
        finally:
            self._door.release()
        self._visit(connection, hello)

    def _hand_on(self, connection: socket.socket, hello: bytes) -> None:
        with connection, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            other.settimeout(5)
            other.connect(str(self._path_of(greeting.ship_in(hello))))
            socket.send_fds(other, [hello], [connection.fileno()])

    def _take_from_others(self, own: socket.socket) -> None:
        while not self._closed:
            try:
                other, _ = own.accept()
            except OSError:
                return
            with other, contextlib.suppress(OSError):
                other.settimeout(5)
                hello, descriptors, _, _ = socket.recv_fds(other, greeting.HELLO_BYTES, 1)
                if descriptors:
                    self._start(self._visit, socket.socket(fileno=descriptors[0]), hello)

    def _path_of(self, ship: str) -> Path:
        return self._folder / f"{ship}.sock"

    def _start(self, action: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=action, args=arguments, daemon=True).start()
