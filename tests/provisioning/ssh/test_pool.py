"""Many hosts at once: each has its own result by the deadline, and Ctrl-C ends quickly."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from provisioning.fleet import Address
from provisioning.ssh.connection import Connection
from provisioning.ssh.errors import CommandFailed, DeadlinePassed, Unreachable
from provisioning.ssh.pool import on_each
from tests.provisioning.ssh.conftest import Sshd, free_port


def test_every_host_has_its_own_result(sshd: Sshd) -> None:
    nobody = replace(sshd.login, address=Address("127.0.0.1", free_port(), "root"))
    logins = {"good": sshd.login, "nobody": nobody, "bad": sshd.login}

    def act(name: str, connection: Connection) -> bytes:
        return connection.run("exit 7" if name == "bad" else "echo in", seconds=5).stdout

    found = on_each(logins, act, seconds=20)

    assert list(found) == ["good", "nobody", "bad"]
    assert found["good"] == b"in\n"
    assert isinstance(found["nobody"], Unreachable)
    assert isinstance(found["bad"], CommandFailed)


def test_a_host_that_is_not_done_by_the_deadline_says_so(sshd: Sshd) -> None:
    def act(name: str, connection: Connection) -> int:
        return connection.run("sleep 30" if name == "slow" else "true", seconds=60).status

    began = time.monotonic()
    found = on_each({"slow": sshd.login, "good": sshd.login}, act, seconds=4)

    assert time.monotonic() - began < 5
    assert found["good"] == 0
    assert isinstance(found["slow"], DeadlinePassed)


def test_an_action_that_never_looks_at_its_connection_holds_nobody_up(sshd: Sshd) -> None:
    began = time.monotonic()
    found = on_each({"one": sshd.login}, lambda name, connection: time.sleep(20), seconds=4)
    assert time.monotonic() - began < 6
    assert isinstance(found["one"], DeadlinePassed)


def test_hosts_that_hang_keep_only_their_own_worker(sshd: Sshd) -> None:
    """They hang until all the others are done, and are not given up before."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = replace(sshd.login, address=Address("127.0.0.1", silent.getsockname()[1]))
        good = [f"good-{number}" for number in range(6)]
        logins = {"bad-1": hanging, "bad-2": hanging} | dict.fromkeys(good, sshd.login)
        done: list[str] = []

        def act(name: str, connection: Connection) -> None:
            connection.run("true", seconds=10)
            done.append(name)
            if len(done) == len(good):
                silent.close()

        found = on_each(logins, act, seconds=30, workers=3)

    assert done == good
    for name in ("bad-1", "bad-2"):
        why = found[name]
        assert isinstance(why, Unreachable)
        assert "no SSH server answered" not in why.message


def test_a_mistake_in_the_action_is_raised(sshd: Sshd) -> None:
    def act(name: str, connection: Connection) -> float:
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        on_each({"one": sshd.login}, act, seconds=10)


INTERRUPTED = """
import os
import signal
import sys
from pathlib import Path
from provisioning.fleet import Address
from provisioning.ssh.login import Login
from provisioning.ssh.pool import on_each

# A shell that starts a job in the background lets it ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
host, port, key, pinned = sys.argv[1:]
login = Login(Address(host, int(port), "root"), Path(key), (pinned,))

def act(name, connection):
    os.write(1, b"begun\\n")  # in one piece: they all begin at once
    connection.run("sleep 60", seconds=60)

try:
    on_each({str(number): login for number in range(3)}, act, seconds=60)
except KeyboardInterrupt:
    print("stopped")
"""


def test_ctrl_c_ends_at_once(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "interrupted.py").write_text(INTERRUPTED)
    login = sshd.login
    arguments = [login.address.host, str(login.address.port), login.key_file, login.host_keys[0]]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(
        [sys.executable, tmp_path / "interrupted.py", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as child:
        assert child.stdout is not None
        for _ in range(3):
            assert child.stdout.readline() == b"begun\n"
        began = time.monotonic()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    assert time.monotonic() - began < 3
    assert (out, err, child.returncode) == (b"stopped\n", b"", 0)
