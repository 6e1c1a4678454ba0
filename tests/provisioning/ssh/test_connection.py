"""Commands over a real sshd: their streams, their status, their end, and who may run them."""

import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from provisioning.ssh.connection import MOST_SESSIONS, Connection, connect
from provisioning.ssh.errors import (
    CommandFailed,
    ConnectionLost,
    DeadlinePassed,
    HostKeyChanged,
    HostKeyUnreadable,
    KeyUnusable,
    LoginRefused,
    RemoteFileMissing,
    RemoteFileTooLarge,
)
from provisioning.ssh.keys import KeyPair, ensure_key_pair
from tests.provisioning.ssh.conftest import Sshd, with_host_keys


def test_streams_and_status_are_told_apart(connection: Connection) -> None:
    done = connection.run("echo out; echo err >&2; exit 3", seconds=5, check=False)
    assert (done.status, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_a_failed_command_says_what_it_said(connection: Connection) -> None:
    with pytest.raises(CommandFailed, match=r"`ls /nowhere` ended with status 2: ls: ") as caught:
        connection.run("ls /nowhere", seconds=5)
    assert caught.value.status == 2
    assert caught.value.next_step


def test_a_command_that_a_signal_ended_is_not_a_lost_connection(connection: Connection) -> None:
    assert connection.run("kill -9 $$", seconds=5, check=False).status == 128 + 9
    assert connection.run("true", seconds=5).status == 0


def test_input_and_output_larger_than_every_buffer_pass_at_once(connection: Connection) -> None:
    content = bytes(range(256)) * 20_000  # 5 MB: more than SSH's window and the pipes hold
    done = connection.run("tee /dev/stderr", stdin=content, seconds=30, keep=2 * len(content))
    assert done.stdout == content
    assert done.stderr == content


def test_a_command_may_end_without_reading_its_input(connection: Connection) -> None:
    done = connection.run("exit 0", stdin=b"x" * 5_000_000, seconds=10)
    assert done.status == 0


def test_a_command_that_is_too_slow_ends_on_the_host_too(connection: Connection) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlinePassed, match=r"`sleep 61\.25` took longer than 0\.5 s"):
        connection.run("sleep 61.25", seconds=0.5)
    assert time.monotonic() - began < 1
    assert connection.run("echo the connection still works", seconds=5).status == 0
    began = time.monotonic()
    while subprocess.run(["pgrep", "-fx", "sleep 61.25"], check=False).returncode == 0:
        assert time.monotonic() - began < 10, "it still runs"
        time.sleep(0.1)


def test_a_background_process_that_holds_the_output_is_named(connection: Connection) -> None:
    with pytest.raises(DeadlinePassed, match="ended with status 0, but something that it started"):
        connection.run("sleep 30 &", seconds=3)


def test_more_commands_than_sessions_wait_for_their_turn(connection: Connection) -> None:
    number = 2 * MOST_SESSIONS + 1
    with ThreadPoolExecutor(number) as pool:
        runs = [
            pool.submit(connection.run, f"echo {n}; sleep 0.1", seconds=20) for n in range(number)
        ]
    assert [run.result().stdout for run in runs] == [f"{n}\n".encode() for n in range(number)]


def test_a_talk_goes_back_and_forth(connection: Connection) -> None:
    command = "while read -r word; do echo heard $word; echo told >&2; done; exit 5"
    with connection.talk(command, seconds=10) as talk:
        talk.write(b"one\n")
        assert talk.read_line() == b"heard one"
        with pytest.raises(DeadlinePassed):
            talk.read_line(seconds=0.1)
        talk.write(b"two\n")
        assert talk.read_line(seconds=5) == b"heard two"
        talk.close_stdin()
        assert talk.read_line() is None
        done = talk.finish()
    assert (done.status, done.stderr) == (5, b"told\n" * 2)


def test_writing_to_a_command_that_ended_says_how_it_ended(connection: Connection) -> None:
    def write_on() -> None:
        with connection.talk("echo no thanks >&2; exit 4", seconds=10) as talk:
            while True:
                talk.write(b"x" * 100_000)

    with pytest.raises(CommandFailed, match="no thanks") as caught:
        write_on()
    assert caught.value.status == 4


def test_a_session_that_was_cut_off_is_no_answer_of_the_command(connection: Connection) -> None:
    """Its shell on the host was killed: what the command came to is unknown."""
    kill_the_shell = "kill -KILL $(cut -d' ' -f4 /proc/$PPID/stat)"
    with pytest.raises(ConnectionLost, match="its session was closed on the host"):
        connection.run(kill_the_shell, seconds=10, check=False)
    assert connection.run("echo the connection still works", seconds=5).status == 0


def test_closing_ends_the_calls_of_other_threads(sshd: Sshd) -> None:
    with connect(sshd.login, seconds=10) as connected:

        def wait_for_its_end() -> None:
            with connected.talk("echo up; sleep 60", seconds=60) as talk:
                assert talk.read_line() == b"up"
                threading.Timer(0.3, connected.close).start()
                talk.finish()

        began = time.monotonic()
        with pytest.raises(ConnectionLost, match="while `echo up; sleep 60` ran: we closed it"):
            wait_for_its_end()
    assert time.monotonic() - began < 3


def test_only_the_pinned_kinds_of_host_keys_are_negotiated(sshd: Sshd, tmp_path: Path) -> None:
    """The server has ed25519 only: an ECDSA pin must not fall back to it."""
    path = tmp_path / "ecdsa"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", path], check=True)
    pinned = path.with_suffix(".pub").read_text()
    with pytest.raises(HostKeyChanged, match="no key of the kind that we know"):
        connect(with_host_keys(sshd.login, pinned), seconds=5)


def test_without_a_pinned_key_nothing_is_sent(sshd: Sshd) -> None:
    with pytest.raises(HostKeyUnreadable, match="No host key is known"):
        connect(with_host_keys(sshd.login), seconds=5)


def test_one_of_several_pinned_keys_is_enough(sshd: Sshd, other_key: KeyPair) -> None:
    login = with_host_keys(sshd.login, other_key.public, *sshd.login.host_keys)
    with connect(login, seconds=10) as connected:
        assert connected.run("echo in", seconds=5).stdout == b"in\n"


def test_a_key_that_the_host_does_not_know_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    ensure_key_pair(tmp_path / "stranger", "nobody")
    login = replace(sshd.login, key_file=tmp_path / "stranger")
    with pytest.raises(LoginRefused, match="refused the login as root") as caught:
        connect(login, seconds=10)
    assert "authorized_keys" in caught.value.next_step


def test_no_other_key_of_the_person_is_tried(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right key lies where SSH clients look: in ~/.ssh. It must not help."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519").write_bytes(sshd.login.key_file.read_bytes())
    ensure_key_pair(tmp_path / "stranger", "nobody")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(LoginRefused):
        connect(replace(sshd.login, key_file=tmp_path / "stranger"), seconds=10)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "there is no such file"), ("shopping list", "can't be used"), ("locked", "passphrase")],
)
def test_an_unusable_private_key_is_named(
    sshd: Sshd, tmp_path: Path, content: str | None, said: str
) -> None:
    path = tmp_path / "key"
    if content == "locked":
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", path]
        subprocess.run(command, check=True)
    elif content is not None:
        path.write_text(content)
    with pytest.raises(KeyUnusable, match=said) as caught:
        connect(replace(sshd.login, key_file=path), seconds=5)
    assert caught.value.next_step


def test_small_files_are_written_whole_and_read_back(
    connection: Connection, tmp_path: Path
) -> None:
    target = tmp_path / "new folder" / "it's a file"
    connection.put_bytes(b"secret", str(target), seconds=5, mode=0o600)

    assert connection.get_bytes(str(target), most=6, seconds=5) == b"secret"
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["it's a file"]
    with pytest.raises(RemoteFileTooLarge):
        connection.get_bytes(str(target), most=5, seconds=5)
    with pytest.raises(RemoteFileMissing):
        connection.get_bytes(str(tmp_path / "nothing"), most=5, seconds=5)


def test_what_is_given_as_input_stands_in_no_command_line(
    connection: Connection, tmp_path: Path
) -> None:
    listing = connection.run(
        "read -r secret; cat /proc/[0-9]*/cmdline", stdin=b"open-sesame\n", seconds=10, check=False
    )
    assert b"read -r secret" in listing.stdout
    assert b"open-sesame" not in listing.stdout
