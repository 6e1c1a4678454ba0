"""A command reaches /bin/sh on the host as it was written, and refusals of sudo are known."""

import subprocess
from shlex import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.ssh.remote_command import on_host, sudo_refusal

WORD = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30)


@settings(max_examples=30, deadline=None)
@given(WORD)
def test_any_text_passes_both_shells_unchanged(text: str) -> None:
    # No here-document: dash 0.5.12 loses a byte of one that begins like its end ("Eé" before END).
    command = f"text={quote(text)}\nprintf '%s\\n' \"$text\""
    line = on_host(command, user="root", root=True, seconds=5)

    done = subprocess.run(["sh", "-c", line], capture_output=True, check=True)

    assert done.stdout == f"{text}\n".encode()


def test_a_command_ends_on_the_host_when_its_time_is_over() -> None:
    line = on_host("trap '' TERM; sleep 60 & wait", user="root", root=True, seconds=-0.5)
    done = subprocess.run(["sh", "-c", line.replace("-k 5", "-k 0.2")], timeout=5, check=False)
    assert done.returncode in (124, 137)


def test_a_signal_becomes_a_status() -> None:
    line = on_host("kill -9 $$", user="root", root=True, seconds=5)
    done = subprocess.run(["sh", "-c", line], capture_output=True, check=False)
    assert done.returncode == 128 + 9


def test_only_others_than_root_need_sudo() -> None:
    assert "sudo" not in on_host("id", user="root", root=True, seconds=5)
    assert "sudo" not in on_host("id", user="ubuntu", root=False, seconds=5)
    assert on_host("id", user="ubuntu", root=True, seconds=5).startswith("sudo -n -H ")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (1, b"sudo: a password is required\n"),
        (1, b"sudo: a terminal is required to read the password; either use...\n"),
        (1, b"ada is not in the sudoers file.\n"),
        (1, b"Sorry, user ada may not run sudo on host.\n"),
        (127, b"bash: line 1: sudo: command not found\n"),
        (127, b"sh: 1: sudo: not found\n"),
    ],
)
def test_what_sudo_says_is_known(status: int, said: bytes) -> None:
    assert sudo_refusal(status, said) == said.decode().strip()


def test_a_command_that_fails_is_not_taken_for_sudo() -> None:
    assert sudo_refusal(1, b"grep: no such file\n") is None
    assert sudo_refusal(2, b"sudo: a password is required\n") is None
