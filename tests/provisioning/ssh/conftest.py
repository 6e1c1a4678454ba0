"""A real sshd on the loopback: its own keys, configuration and folder.

HOME is set so that no start-up file of the person who runs the tests takes part.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from provisioning.fleet import Address
from provisioning.ssh.connection import Connection, connect
from provisioning.ssh.keys import KeyPair, ensure_key_pair, new_key_pair
from provisioning.ssh.login import Login

CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/pid
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
UseDNS no
MaxStartups 200
SetEnv HOME={folder}
"""


@dataclass(frozen=True)
class Sshd:
    """A running server and how to log in to it."""

    login: Login
    folder: Path
    process: subprocess.Popen[bytes]

    def freeze(self) -> None:
        """Stop the server and its sessions: the kernel still answers for them."""
        signal_all(self.family(), signal.SIGSTOP)

    def thaw(self) -> None:
        signal_all(self.family(), signal.SIGCONT)

    def sessions(self) -> list[int]:
        """The processes of the connections that are open."""
        return [pid for pid in self.family() if pid != self.process.pid]

    def family(self) -> list[int]:
        """The server and the sshd processes below it, not the commands that they run."""
        found = [self.process.pid]
        for parent in found:
            children = map(int, of_process(parent, f"task/{parent}/children").split())
            found += [pid for pid in children if of_process(pid, "comm").startswith("sshd")]
        return found


def of_process(pid: int, what: str) -> str:
    """What /proc says of it; nothing when it has ended: a session may go at any moment."""
    try:
        return Path(f"/proc/{pid}/{what}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def start_sshd(folder: Path, *, settings: str = "", port: int | None = None) -> Sshd:
    """A server that answers on a port of its own, with the keys that `folder` has or gets."""
    host_key = ensure_key_pair(folder / "host_key", "a host of the tests")
    ours = ensure_key_pair(folder / "key", "a workshop of the tests")
    (folder / "authorized_keys").write_text(f"{ours.public}\n")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    port = port or free_port()
    config = folder / "sshd_config"
    config.write_text(CONFIG.format(port=port, folder=folder) + settings)
    process = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-f", config, "-E", folder / "log"], stdin=subprocess.DEVNULL
    )
    login = Login(Address("127.0.0.1", port, "root"), folder / "key", (host_key.public,))
    wait_for(lambda: answers(login.address), process)
    return Sshd(login, folder, process)


def stop_sshd(server: Sshd) -> None:
    server.thaw()
    signal_all([*server.sessions(), server.process.pid], signal.SIGKILL)
    server.process.wait()


def answers(address: Address) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address.host, address.port)) == 0


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 10
    while not happened():
        assert process.poll() is None, "sshd ended; its log is beside its configuration"
        assert time.monotonic() < give_up
        time.sleep(0.02)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """One server for the tests of a file; those that harm it start their own."""
    server = start_sshd(tmp_path_factory.mktemp("sshd"))
    yield server
    stop_sshd(server)


@pytest.fixture
def own_sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A server that a test may freeze, kill or reconfigure."""
    server = start_sshd(tmp_path)
    yield server
    stop_sshd(server)


@pytest.fixture(scope="module")
def connection(sshd: Sshd) -> Iterator[Connection]:
    with connect(sshd.login, seconds=10) as connected:
        yield connected


@pytest.fixture(scope="session")
def other_key() -> KeyPair:
    return new_key_pair("somebody else")


def with_host_keys(login: Login, *keys: str) -> Login:
    return replace(login, host_keys=keys)


@dataclass(frozen=True)
class Row:
    """A case of the matrix: what was met, after how long, and when it had to end."""

    case: str
    met: str
    seconds: float
    deadline: float


MATRIX: pytest.StashKey[list[Row]] = pytest.StashKey()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """A run of test_matrix.py ends with its table."""
    rows = config.stash.get(MATRIX, [])
    if not rows:
        return
    say = terminalreporter.write_line
    say(f"{'case':<48} {'ended with':<18} {'seconds':>8} {'deadline':>8}")
    for row in rows:
        say(f"{row.case:<48} {row.met:<18} {row.seconds:>8.2f} {row.deadline:>8.2f}")
