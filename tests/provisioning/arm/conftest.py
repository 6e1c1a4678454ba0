"""A real Arm service on this machine: TVM's own RPC in the deployment environment."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from provisioning.arm.keys import seat_key
from provisioning.environments.build import ensure_environment
from provisioning.environments.files import read_environment_file
from provisioning.interpreter import find_interpreter

PROJECT = Path(__file__).parents[3]
DEPLOY = PROJECT / "environments/deploy.yml"
BUILT = Path("/var/tmp/workshop-tests/environments")
SECRET = "what-only-the-machine-knows"
#: Whom the service runs as here: nobody's account.
ACCOUNT = 61986
MAGIC = 0xFF271
WELCOME, WRONG_KEY = 0, 2


def built_deploy() -> Path:
    """The kernel of the lab: $WORKSHOP_DEPLOY_PYTHON, else built from its lock and kept."""
    if chosen := os.environ.get("WORKSHOP_DEPLOY_PYTHON"):
        return Path(chosen)
    file = read_environment_file(DEPLOY)
    return ensure_environment(file, file.lock, BUILT, interpreter=find_interpreter()).python


@pytest.fixture(scope="session")
def deploy_python() -> Path:
    return built_deploy()


@dataclass
class ArmService:
    """The service as systemd or supervisord runs it: started anew, on the same port."""

    python: Path
    port: int
    seconds: int
    at_once: int
    process: Any = None
    connections: list[socket.socket] = field(default_factory=list)

    def start(self) -> None:
        service = [sys.executable, "-P", "-m", "provisioning.arm.serve"]
        account = ("setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups")
        self.process = subprocess.Popen(
            [*account, *service, str(self.python), str(self.port)],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(PROJECT),
                "WORKSHOP_ARM_KEY": SECRET,
                "WORKSHOP_ARM_SECONDS": str(self.seconds),
                "WORKSHOP_ARM_AT_ONCE": str(self.at_once),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        said = self.process.stderr.readline()
        assert said == "ready\n", said + self.process.stderr.read()

    def stop(self) -> int:
        self.process.terminate()
        status = self.process.wait(20)
        self.process.stderr.close()
        return int(status)

    def knock(self, key: str) -> socket.socket:
        """A connection that has said who it is and waits for its turn."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        word = f"client:{key}".encode()
        connection.sendall(struct.pack("<ii", MAGIC, len(word)) + word)
        self.connections.append(connection)
        return connection

    def come(self, seat: str) -> socket.socket:
        return self.knock(seat_key(SECRET, seat))

    def forget(self) -> None:
        for connection in self.connections:
            connection.close()
        self.connections.clear()


def answer(connection: socket.socket, seconds: float = 30) -> int:
    """What the machine says to a knock; raises TimeoutError when nobody's turn comes."""
    connection.settimeout(seconds)
    found = struct.unpack("<i", _exactly(connection, 4))[0] - MAGIC
    if found == WELCOME:
        length = struct.unpack("<i", _exactly(connection, 4))[0]
        assert _exactly(connection, length) == b"server:arm"
    return int(found)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ConnectionError("the machine closed the connection")
        data += more
    return data


@pytest.fixture(scope="module")
def make_service(deploy_python: Path) -> Iterator[Callable[..., ArmService]]:
    with ExitStack() as opened:

        def make(*, seconds: int = 60, at_once: int = 2) -> ArmService:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            service = ArmService(deploy_python, port, seconds, at_once)
            service.start()
            opened.callback(service.stop)
            return service

        yield make


@dataclass
class Class:
    """Attendees with TVM, all in one process: what they have in common is the machine."""

    process: Any

    def ask(self, session: str, **asked: str) -> dict[str, str]:
        self.process.stdin.write(json.dumps({"session": session, **asked}) + "\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()))

    def connect(self, seat: str, session: str = "") -> str:
        told = self.ask(session or seat, key=seat_key(SECRET, seat))
        return told.get("said") or told["error"]

    def run(self, session: str, script: str) -> str:
        told = self.ask(session, script=script)
        return told["said"] if "said" in told else f"error: {told['error']}"


@contextmanager
def attendees(python: Path, port: int, folder: Path) -> Iterator[Class]:
    """The class of one service; ends with the block."""
    process = subprocess.Popen(
        [python, Path(__file__).with_name("attendee.py"), str(port)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Class(process)
    finally:
        process.kill()
        process.communicate()
