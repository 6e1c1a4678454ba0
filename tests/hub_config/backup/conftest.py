"""A seat's host on the loopback: a real sshd, real jails, a home with a number of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub_config.backup.copying import Copied, CopyOrder, copy_home
from hub_config.backup.listing import Limits
from hub_config.backup.seat_home import SeatHome
from hub_config.backup.snapshots import Shelf
from hub_config.install import Owner
from tests.provisioning.ssh.conftest import Sshd, start_sshd, stop_sshd

ADA = Owner(70123, 70123)


@dataclass(frozen=True)
class Class:
    """One seat: her home on its host, her copies on the hub's host."""

    seat: SeatHome
    shelf: Shelf

    @property
    def home(self) -> Path:
        return self.seat.homes / self.seat.username

    def copy(self, *, seconds: float = 20, **limits: int) -> Copied:
        chosen = replace(Limits(bytes=10**8), **limits)
        order = CopyOrder(self.seat, self.shelf, chosen, seconds)
        return copy_home(order, lambda: datetime.now(UTC))

    def write(self, name: str, content: bytes | str) -> Path:
        """A file of hers, with its folders."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.give()
        return path

    def give(self) -> None:
        command = ["chown", "-hR", f"{ADA.uid}:{ADA.gid}", str(self.home)]
        subprocess.run(command, check=True)

    def copied(self) -> Path:
        newest = self.shelf.newest
        assert newest is not None
        return newest.files


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = start_sshd(tmp_path_factory.mktemp("seat-host"))
    yield server
    stop_sshd(server)


@pytest.fixture
def ada(host: Sshd, tmp_path: Path) -> Class:
    homes = tmp_path / "there" / "homes"
    (homes / "ada").mkdir(parents=True)
    os.chown(homes / "ada", ADA.uid, ADA.gid)
    (homes / "ada").chmod(0o700)
    seat = SeatHome("ada", ADA, "gpu-01", homes, ssh_to(host))
    return Class(seat, Shelf(tmp_path / "backups", "ada"))


def ssh_to(server: Sshd) -> tuple[str, ...]:
    known = server.folder / "known_hosts"
    known.write_text(f"seats {server.login.host_keys[0]}\n")
    options = {
        "IdentityFile": server.login.key_file,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": known,
        "HostKeyAlias": "seats",
        "StrictHostKeyChecking": "yes",
        "BatchMode": "yes",
        "Port": server.login.address.port,
    }
    words = (word for name, value in options.items() for word in ("-o", f"{name}={value}"))
    return ("ssh", "-F", "none", *words, "root@127.0.0.1")
