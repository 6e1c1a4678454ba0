"""What an attendee's machine code can do to another attendee's session: nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.provisioning.arm.conftest import ACCOUNT, ArmService, Class, attendees

#: What the first attendee leaves lying about.
WORK = """
echo ada-was-here > /tmp/answer.txt
echo ada-was-here > /dev/shm/answer.txt
cp /tmp/answer.txt /dev/answer.txt; cp /tmp/answer.txt /server/answer.txt
python3 -c '
import socket, time
for family, place in ((socket.AF_INET, ("127.0.0.1", 7777)), (socket.AF_UNIX, "\\0ada")):
    line = socket.socket(family)
    try:
        line.bind(place)
        line.listen()
        globals()[str(family)] = line
    except OSError as error:
        print(error)
time.sleep(600)
' &
sleep 600 &
echo done
"""


@pytest.fixture(scope="module")
def room(
    make_service: Callable[..., ArmService],
    deploy_python: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Class]:
    """Ada is in and has left her things everywhere; so is Bob, who looks."""
    service = make_service(seconds=60, at_once=4)
    with attendees(deploy_python, service.port, tmp_path_factory.mktemp("class")) as room:
        assert [room.connect("ada"), room.connect("bob")] == ["connected", "connected"]
        assert room.run("ada", WORK).splitlines()[-1] == "done"
        yield room


def test_her_files_are_hers(room):
    assert "ada-was-here" in room.run("ada", "cat /tmp/answer.txt")
    look = "for place in /tmp /dev /dev/shm /server /proc/*/root/tmp; do ls $place; done"
    assert "answer.txt" in room.run("ada", look)
    assert "answer.txt" not in room.run("bob", look)


def test_her_processes_are_out_of_sight_and_reach(room):
    assert "sleep" not in room.run("bob", "cat /proc/*/cmdline | tr '\\0' ' '")
    room.run("bob", "trap '' TERM; for n in $(seq 2 40); do kill -9 $n; done")
    assert room.connect("bob") == "connected"
    assert "sleep" in room.run("ada", "cat /proc/*/cmdline | tr '\\0' ' '")


def test_her_network_is_hers_and_there_is_no_other(room):
    look = """python3 -c '
import socket
for family, place in ((socket.AF_INET, ("127.0.0.1", 7777)), (socket.AF_UNIX, "\\0ada"),
                      (socket.AF_INET, ("198.51.100.1", 80))):
    try:
        socket.socket(family).connect(place)
        print("reached")
    except OSError:
        print("no")
'"""
    assert "reached" in room.run("ada", look)
    assert room.run("bob", look) == "no\nno\nno\n"


def test_nothing_of_the_machine_can_be_changed(room):
    tries = "; ".join(
        f"touch {place}/mine 2>/dev/null && echo wrote {place}"
        for place in ("/", "/usr", "/dev", "/server", "/server/provisioning/arm", "/proc")
    )
    assert room.run("bob", f"{tries}; mount -t tmpfs none /usr 2>/dev/null && echo mounted") == ""


def test_the_secrets_and_homes_of_this_machine_are_not_there(room):
    look = "ls -d /root /home /run /etc/passwd /etc/shadow 2>/dev/null; env | grep -c WORKSHOP_ARM"
    assert room.run("bob", look) == "0\n"


def test_who_takes_all_the_memory_is_ended_and_the_others_go_on(room):
    hog = "python3 -c 'x = [bytearray(2**24) for _ in range(10**6)]'"
    assert room.run("bob", hog).startswith("error: ")
    assert room.run("ada", "echo still here") == "still here\n"
    assert room.connect("bob") == "connected"


def test_who_asks_for_it_at_once_is_ended_and_not_just_refused(room):
    hog = "python3 -c 'import time; x = bytearray(3 * 2**30); time.sleep(60)'"
    assert room.run("bob", hog).startswith("error: ")
    assert room.connect("bob") == "connected"


def test_who_starts_processes_without_end_is_ended_and_the_others_go_on(room):
    assert room.run("bob", "for n in $(seq 300); do sleep 300 & done; wait").startswith("error: ")
    assert room.run("ada", "echo still here") == "still here\n"
    assert room.connect("bob") == "connected"


def test_what_a_session_started_ends_with_it(room):
    assert room.connect("cyd") == "connected"
    room.run("cyd", "for n in $(seq 5); do setsid sleep 4321 & done; echo ok")
    assert room.ask("cyd") == {"said": "closed"}
    _wait_until(lambda: not _sleeping("4321"))


def _sleeping(seconds: str) -> list[int]:
    return [
        each.pid
        for each in psutil.process_iter(["cmdline", "uids"])
        if each.info["uids"].real == ACCOUNT and each.info["cmdline"] == ["sleep", seconds]
    ]


def _wait_until(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
