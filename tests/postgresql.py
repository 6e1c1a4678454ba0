"""A PostgreSQL server of a test's own: Debian's, in a temporary folder, on a port of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from hub_config.install import free_ports

#: Nobody keeps these data: waiting for the disk would only take time.
_SPEED = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=16MB")
ADMIN_PASSWORD = "of-the-administrator"


@dataclass(frozen=True)
class Server:
    """Asks everybody for a password, on loopback."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Whoever is still connected is cut off. Once more does no harm."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """As the administrator."""
        where = {"host": "127.0.0.1", "port": self.port, "dbname": database}
        with psycopg.connect(
            **where, user="postgres", password=ADMIN_PASSWORD, autocommit=True
        ) as connection:
            done = connection.execute(statement)
            return done.fetchall() if done.description else []

    def make_database(self, name: str, user: str, password: str, **choices: str) -> str:
        """A database that belongs to a user; returns its address, without the password."""
        options = " ".join(f"{key} {value}" for key, value in choices.items())
        self.sql(f"create role {user} login password '{password}'")
        self.sql(f"create database {name} owner {user} {options}")
        return f"postgresql://{user}@127.0.0.1:{self.port}/{name}"


@contextmanager
def postgresql() -> Iterator[Server]:
    """Up in a second or two; ended and removed with the block, and when this process dies."""
    with tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as name:
        folder, port = Path(name), free_ports(1)[0]
        _make_data(folder)
        server = [
            *("setpriv", "--pdeathsig", "INT", *_not_as_root(), "--"),
            *(_program("postgres"), "-D", f"{folder}/data", "-h", "127.0.0.1"),
            *("-p", str(port), "-k", f"{folder}", *_SPEED),
        ]
        with (
            (folder / "log").open("w") as log,
            subprocess.Popen(server, stdout=log, stderr=log, cwd=folder) as process,
        ):
            running = Server(port, folder, process)
            try:
                yield _answering(running)
            finally:
                running.stop()


def _make_data(folder: Path) -> None:
    password = folder / "password"
    password.write_text(ADMIN_PASSWORD)
    if _not_as_root():
        for path in (folder, password):
            shutil.chown(path, "postgres", "postgres")
    command = [
        *("setpriv", *_not_as_root(), "--", _program("initdb"), "-D", f"{folder}/data"),
        *("-U", "postgres", "-A", "scram-sha-256", f"--pwfile={password}"),
        *("-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr


def _not_as_root() -> tuple[str, ...]:
    """PostgreSQL refuses to run as root; Debian's package made an account for it."""
    if os.geteuid() != 0:
        return ()
    account = pwd.getpwnam("postgres")
    return (f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups")


def _program(name: str) -> str:
    """The newest version's; Debian keeps these programs out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    assert found, "install the Debian package postgresql (environments/apt-tests.txt)"
    return str(found[-1])


def _answering(server: Server) -> Server:
    deadline = time.monotonic() + 30
    while True:
        try:
            server.sql("select 1")
        except psycopg.OperationalError:
            assert server.process.poll() is None, (server.folder / "log").read_text()
            assert time.monotonic() < deadline, (server.folder / "log").read_text()
            time.sleep(0.05)
        else:
            return server
