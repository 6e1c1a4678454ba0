"""A seat's processes: told apart from others with the same number, and ended as a whole."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_config.seat_jail import Fittings, SeatView, root_jail, seat_jail
from hub_config.seat_process import SeatProcess


def in_a_jail(home: Path, *command: str) -> subprocess.Popen[str]:
    view = SeatView("demo", "ada", home, ())
    return subprocess.Popen([*seat_jail(view), *command], stdout=subprocess.PIPE, text=True)


@pytest.fixture
def jailed(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A shell with a child that does not want to end."""
    process = in_a_jail(tmp_path, "sh", "-c", "trap '' TERM INT; sleep 300 & echo up; wait; wait")
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    # Killing the outer process alone would leave the jail's own running.
    if seat := SeatProcess.of(process.pid):
        seat.end()
    process.kill()
    process.wait()


def test_ending_a_seat_ends_everything_in_it(jailed: subprocess.Popen[str]) -> None:
    seat = SeatProcess.of(jailed.pid)
    assert seat is not None
    inner = _descendants(jailed.pid)
    assert len(inner) >= 3
    seat.end()
    jailed.wait(timeout=5)
    deadline = time.monotonic() + 5
    while any(SeatProcess.of(pid) for pid in inner) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in inner if SeatProcess.of(pid)]


def test_what_a_seat_left_behind_ends_when_the_seat_has_ended(tmp_path: Path) -> None:
    process = in_a_jail(tmp_path, "sh", "-c", "setsid -f sleep 300 >&- 2>&-; echo up; sleep 60")
    assert process.stdout is not None
    process.stdout.readline()
    seat = SeatProcess.of(process.pid)
    assert seat is not None
    assert seat.first is not None
    process.kill()
    process.wait()
    assert seat.first.alive(), "nothing is left behind: this test would prove nothing"
    seat.end()
    deadline = time.monotonic() + 5
    while seat.first.alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not seat.first.alive()


def test_a_process_with_the_same_number_is_another_one(jailed: subprocess.Popen[str]) -> None:
    seat = SeatProcess.of(jailed.pid)
    assert seat is not None
    assert seat.alive()
    earlier = SeatProcess(seat.pid, seat.started - 1)
    assert not earlier.alive()
    earlier.end()
    assert seat.alive()


def test_a_zombie_is_not_alive() -> None:
    process = subprocess.Popen(["true"])
    # Until it has ended, and without collecting it: it stays a zombie.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert SeatProcess.of(process.pid) is None
    process.wait()


def test_a_seat_sees_its_home_the_system_and_what_it_is_given(tmp_path: Path) -> None:
    home, given, hidden = tmp_path / "home", tmp_path / "given", tmp_path / "hidden"
    for folder in (home, given, hidden):
        folder.mkdir()
        (folder / "file").write_text(folder.name)
    view = SeatView("demo", "ada", home, (given,))
    script = (
        f"cat ~/file; echo; cat {given}/file; echo; ls {hidden}; ls /home; "
        f"touch {given}/new; hostname"
    )
    done = subprocess.run(
        [*seat_jail(view), "sh", "-c", script],
        capture_output=True,
        text=True,
        env={"HOME": view.home_inside, "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.stdout.split() == ["home", "given", "ada", "demo"]
    assert "No such file" in done.stderr
    assert "Read-only file system" in done.stderr


def test_account_files_are_not_mounted_over_the_hosts(tmp_path: Path) -> None:
    """Linux takes such a mount away when the host writes a new /etc/passwd."""
    fittings = Fittings(tmp_path / "passwd", tmp_path / "group", tmp_path / "sockets")
    command = root_jail(SeatView("demo", "ada", tmp_path, ()), fittings)
    mounts = [tuple(command[at : at + 3]) for at, word in enumerate(command) if word == "--ro-bind"]
    assert ("--ro-bind", str(tmp_path / "passwd"), "/etc/passwd") in mounts
    assert ("--ro-bind", "/etc", "/etc") not in mounts


def test_two_seats_share_no_scratch(tmp_path: Path) -> None:
    in_a_jail(tmp_path, "sh", "-c", "echo x > /tmp/left; echo x > /dev/shm/left").wait()
    process = in_a_jail(tmp_path, "sh", "-c", "ls /tmp /dev/shm /run | grep left")
    assert process.communicate()[0] == ""
    assert not Path("/tmp/left").exists()


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = [int(child) for child in children]
    return found + [each for child in found for each in _descendants(child)]
