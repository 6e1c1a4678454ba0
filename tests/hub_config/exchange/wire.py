"""The exchange's connections, held in the hand: half a request, and a relay that loses answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit


def open_upload(person: Any, ticket: str, *headers: str) -> socket.socket:
    """A connection on which the head of an upload has been sent, and nothing more."""
    return open_request(person, "PUT", f"api/uploads/{ticket}", *headers)


def open_request(person: Any, method: str, path: str, *headers: str) -> socket.socket:
    address = urlsplit(person.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=20)
    head = [
        f"{method} {address.path}/{path} HTTP/1.1",
        f"Host: {address.netloc}",
        f"Authorization: token {person.token}",
        *headers,
    ]
    connection.sendall("\r\n".join([*head, "", ""]).encode())
    return connection


def status_of(connection: socket.socket) -> int:
    return int(connection.recv(65536).split(b" ", 2)[1])


class Relay:
    """A network between client and service that a test can break."""

    def __init__(self, service: Any) -> None:
        self.service = service
        self.hold_after: int | None = None  # bytes of the request after which it stalls
        self.swallow_answer = False
        self.tear_answer = False  # after half of it
        self.stalled = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        port = self._listener.getsockname()[1]
        return str(self.service.url.replace(str(self.service.port), str(port)))

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        address = ("127.0.0.1", self.service.port)
        with client, suppress(OSError), socket.create_connection(address) as service:
            answers = threading.Thread(target=self._pass_answers, args=[service, client])
            answers.start()
            self._pass_request(client, service)
            answers.join()

    def _pass_request(self, client: socket.socket, service: socket.socket) -> None:
        passed = 0
        while data := client.recv(65536):
            service.sendall(data)
            passed += len(data)
            if self.hold_after is not None and passed > self.hold_after:
                self.hold_after = None
                self.stalled.set()
                return

    def _pass_answers(self, service: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := service.recv(65536):
                if self.swallow_answer and b"sha256" in data:
                    self.swallow_answer = False
                    break
                if self.tear_answer:
                    self.tear_answer = False
                    client.sendall(data[: len(data) - len(data.partition(b"\r\n\r\n")[2]) // 2])
                    break
                client.sendall(data)
        for side in (client, service):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay_to(service: Any) -> Iterator[Relay]:
    relay = Relay(service)
    try:
        yield relay
    finally:
        relay.close()
