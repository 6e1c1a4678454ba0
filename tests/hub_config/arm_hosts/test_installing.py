"""The Arm service is put on a host, serves, and is left alone while nothing changes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_config.arm_hosts.unit import FOLDER, INSTALL, KEY, UNIT, files_of, service_code
from hub_config.fleet.host_script import run_there
from provisioning.arm.keys import seat_key
from provisioning.errors import StepFailed
from tests.provisioning.arm.conftest import MAGIC, WELCOME, WRONG_KEY, built_deploy

PROJECT = Path(__file__).parents[3]
SYSTEMCTL = PROJECT / "tests/cloud/machines/guest/systemctl"
PORT = 29100
#: A host of its own as far as the service can tell: accounts, units, processes and network.
SETUP = """
set -eu
ip link set lo up
for place in /run /var/log /opt; do mount -t tmpfs none $place; done
mkdir -p /run/over/upper /run/over/work /run/systemd/system /opt/workshop/environments/deploy
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/over/upper,workdir=/run/over/work /etc
mkdir -p /run/bin && cp "$systemctl" /run/bin/systemctl && chmod 755 /run /run/bin/systemctl
[ -z "$deploy" ] || mount --bind "$deploy" /opt/workshop/environments/deploy
echo ready
while :; do sleep 0.2; done  # and bury the dead, as an init does
"""


class StandIn:
    """What the hub's host would reach over SSH."""

    def __init__(self, deploy: Path | None) -> None:
        namespaces = ("--mount", "--net", "--pid", "--uts", "--fork", "--kill-child")
        self.process = subprocess.Popen(
            ["unshare", *namespaces, "--mount-proc", "sh", "-c", SETUP],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "systemctl": str(SYSTEMCTL),
                 "deploy": str(deploy or "")},
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self.inside = ("nsenter", f"--target={int(children.read_text())}", "--all")

    @property
    def command(self) -> tuple[str, ...]:
        path = "PATH=/run/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return (*self.inside, "/usr/bin/env", path, "sh", "-c")

    def says(self, command: str) -> str:
        done = subprocess.run([*self.command, command], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def install(self, secret: str) -> None:
        files = files_of(service_code(PROJECT), secret, PORT)
        run_there(self.command, files, INSTALL, seconds=40)

    def knock(self, key: str) -> int:
        """What the service says to a key, asked on the host's own loopback."""
        word = f"client:{key}"
        ask = (
            f"import socket, struct; line = socket.create_connection(('127.0.0.1', {PORT}), 30); "
            f"line.sendall(struct.pack('<ii', {MAGIC}, {len(word)}) + {word.encode()!r}); "
            f"print(struct.unpack('<i', line.recv(4))[0] - {MAGIC})"
        )
        return int(self.says(f'/usr/bin/python3 -c "{ask}"'))

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def host() -> Iterator[StandIn]:
    standing = StandIn(built_deploy().parent.parent)
    yield standing
    standing.close()


def test_a_host_gets_the_service_and_a_second_time_changes_nothing(host):
    host.install("first secret")
    assert host.knock(seat_key("first secret", "ada")) == WELCOME
    assert host.knock(seat_key("another secret", "ada")) == WRONG_KEY
    pid = host.says(f"cat /run/units/{UNIT}")
    host.install("first secret")
    assert host.says(f"cat /run/units/{UNIT}") == pid
    host.install("second secret")
    assert host.says(f"cat /run/units/{UNIT}") != pid
    assert host.knock(seat_key("second secret", "ada")) == WELCOME


def test_the_service_is_no_roots_and_its_secret_is_roots_alone(host):
    host.install("second secret")
    pid = host.says(f"cat /run/units/{UNIT}")
    account = host.says("id -u workshop-arm")
    assert host.says(f"grep ^Uid: /proc/{pid}/status").split()[1:] == [account] * 4
    assert host.says(f"stat -c '%u %a' {KEY} {FOLDER}/start").split() == ["0", "600", "0", "755"]
    assert "second secret" not in host.says("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")


def test_a_host_without_the_environment_is_told_what_to_write():
    bare = StandIn(None)
    try:
        with pytest.raises(StepFailed, match="hosts: arm: environments"):
            bare.install("secret")
    finally:
        bare.close()
