"""A host that is booting is waited for; another machine in its place is not."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from provisioning.fleet import Address
from provisioning.ssh import waiting
from provisioning.ssh.errors import HostKeyChanged, LoginRefused, Unreachable
from provisioning.ssh.keys import KeyPair, ensure_key_pair
from provisioning.ssh.login import Login
from provisioning.ssh.waiting import wait_until_answers
from tests.provisioning.ssh.conftest import (
    Sshd,
    free_port,
    start_sshd,
    stop_sshd,
    with_host_keys,
)


def test_it_connects_as_soon_as_the_host_answers(tmp_path: Path) -> None:
    first = start_sshd(tmp_path)
    stop_sshd(first)
    told: list[str] = []
    started: list[Sshd] = []

    def start_after_a_refusal(why: str) -> None:
        told.append(why)
        if not started:
            started.append(start_sshd(tmp_path, port=first.login.address.port))

    began = time.monotonic()
    try:
        with wait_until_answers(
            first.login, seconds=60, progress=start_after_a_refusal
        ) as connection:
            took = time.monotonic() - began
            assert connection.run("echo up", seconds=5).stdout == b"up\n"
    finally:
        for server in started:
            stop_sshd(server)
    assert took < 4
    assert "connection refused" in told[0]


def test_a_host_that_never_answers_ends_by_the_deadline(sshd: Sshd) -> None:
    nobody = replace(sshd.login, address=Address("127.0.0.1", free_port(), "root"))
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"connection refused, for 1\.5 s"):
        wait_until_answers(nobody, seconds=1.5)
    assert time.monotonic() - began < 2.5


def test_another_host_key_ends_it_at_once(sshd: Sshd, other_key: KeyPair) -> None:
    began = time.monotonic()
    with pytest.raises(HostKeyChanged, match="nothing was sent to it") as caught:
        wait_until_answers(with_host_keys(sshd.login, other_key.public), seconds=30)
    assert time.monotonic() - began < 3
    assert caught.value.found in str(caught.value)


def test_a_host_that_goes_on_refusing_our_key_is_given_up_early(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_REFUSALS_SECONDS", 0.2)
    ensure_key_pair(tmp_path / "stranger", "nobody")
    began = time.monotonic()
    with pytest.raises(LoginRefused):
        wait_until_answers(replace(sshd.login, key_file=tmp_path / "stranger"), seconds=30)
    assert time.monotonic() - began < 5


def test_a_name_that_nobody_knows_is_unreachable(sshd: Sshd) -> None:
    login = Login(Address("no-such-host.invalid"), sshd.login.key_file, sshd.login.host_keys)
    began = time.monotonic()
    with pytest.raises(Unreachable):
        wait_until_answers(login, seconds=2)
    assert time.monotonic() - began < 3
