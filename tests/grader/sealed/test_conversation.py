"""What the controller makes of a process that is late, dies or uses too much: whose fault it is."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from grader.sealed import conversation, grace, stopped
from grader.sealed.conversation import Conversation
from grader.sealed.frames import Wire, WireError, WireSilent
from grader.sealed.grace import Grace
from grader.sealed.limits import Limits
from grader.sealed.submission import AuthorCell, Outcome, Step, Submission
from grader.sealed.wards import Ward
from grader.sealed.watch import Use, is_dying

LIMITS = Limits(cell_seconds=60, grace_seconds=0.2)
SHEET = Submission(
    steps=(Step("a", "student", "x = 1"), Step("t", "test")),
    author_cells=(AuthorCell("a", "solution", "x = 1"), AuthorCell("t", "test", "assert x")),
)
NOBODY = 2**22 + 1  # greater than any process number
OK = b'{"ok":true}'
FRAME = len(OK).to_bytes(4, "big") + bytes(4) + OK


class Machine:
    """What is measured from outside."""

    def __init__(self) -> None:
        self.use = Use()
        #: Whether the student's process waits for a core all the time.
        self.busy = False
        #: As if so many seconds had passed that were its own.
        self.later = 0.0

    def waited(self, *_: int) -> float:
        return (time.monotonic() if self.busy else 0.0) - self.later


class Process:
    """Stands in for a jailed process and its warden, on the other ends of a ward's sockets."""

    def __init__(self, pid: int, obey: Callable[[Process, dict[str, Any]], None]) -> None:
        ours, self.leash = socket.socketpair()
        control, self.socket = socket.socketpair()
        self.ward, self.wire, self.obey = Ward(ours, control), Wire(self.socket), obey
        self.tell(pid=pid)
        self.thread = threading.Thread(target=self.live)
        self.thread.start()

    def tell(self, **word: Any) -> None:
        """What the warden says."""
        self.leash.sendall(json.dumps(word).encode() + b"\n")

    def live(self) -> None:
        with contextlib.suppress(WireError, OSError):
            while True:
                message, _ = self.wire.receive()
                self.obey(self, message)

    def end(self) -> None:
        self.ward.release()
        self.thread.join()
        self.leash.close()
        self.socket.close()


def check(process: Process, message: dict[str, Any]) -> None:
    """The checker: it finds that all is well."""
    process.wire.send({"judged": True, "ok": True} if message.get("do") == "test" else {})


Student = Callable[[Process, dict[str, Any]], None]
Judged = Callable[..., Outcome]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine()
    monkeypatch.setattr(conversation, "use_of", lambda _: found.use)
    monkeypatch.setattr(conversation, "waited_seconds", found.waited)
    # Nobody is there to be buried.
    monkeypatch.setattr(Conversation, "_close", lambda *_: 0.0)
    return found


@pytest.fixture
def judged(machine: Machine) -> Iterator[Judged]:
    """The outcome for a student's process that does this when its cell is run."""
    started: list[Process] = []

    def run(act: Callable[[Process], None], pid: int = NOBODY) -> Outcome:
        def obey(process: Process, message: dict[str, Any]) -> None:
            if message["do"] == "run":
                act(process)
            else:
                process.wire.send({"pong": message.get("number")})

        started.extend((Process(pid, obey), Process(NOBODY, check)))
        student, checker = (each.ward for each in started)
        return Conversation(student, checker, LIMITS).run(SHEET)

    yield run
    for each in started:
        each.end()


def half_a_reply(process: Process) -> None:
    process.socket.sendall(FRAME[:9])


def test_a_process_without_a_core_has_time_to_finish_its_reply(
    machine: Machine, judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grace, "PATIENCE", 1000)
    machine.busy = True

    def answer(process: Process) -> None:
        half_a_reply(process)
        time.sleep(2 * LIMITS.grace_seconds)
        process.socket.sendall(FRAME[9:])

    assert judged(answer)["t"].judgement == "passed"


def test_a_process_that_never_gets_a_core_is_not_judged(
    machine: Machine, judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grace, "PATIENCE", 2)
    machine.busy = True
    outcome = judged(half_a_reply)["t"]
    assert (outcome.judgement, "too busy" in outcome.reason) == ("not judged", True)


def test_a_reply_that_stops_half_way_fails(judged: Judged) -> None:
    outcome = judged(half_a_reply)["t"]
    assert outcome.judgement == "failed"
    assert outcome.reason == "the submission's process broke its protocol"


@pytest.mark.parametrize(("patience", "judgement"), [(1000, "passed"), (2, "not judged")])
def test_an_interrupted_cell_without_a_core_costs_no_later_check(
    machine: Machine,
    judged: Judged,
    monkeypatch: pytest.MonkeyPatch,
    patience: int,
    judgement: str,
) -> None:
    monkeypatch.setattr(grace, "PATIENCE", patience)
    machine.busy = True

    def answer(process: Process) -> None:
        machine.later = 100.0
        assert process.leash.recv(1) == b"i"
        if judgement == "passed":
            time.sleep(2 * LIMITS.grace_seconds)
            process.socket.sendall(FRAME)

    outcome = judged(answer)
    assert outcome["a"].reason == "it took longer than 60 seconds"
    assert outcome["t"].judgement == judgement


def test_a_cell_that_does_not_end_when_it_is_told_fails_the_checks_after_it(
    machine: Machine, judged: Judged
) -> None:
    def stay(_: Process) -> None:
        machine.later = 100.0

    outcome = judged(stay)["t"]
    assert (outcome.judgement, outcome.reason) == ("failed", "it took longer than 60 seconds")


@pytest.mark.parametrize(
    ("use", "reason", "judgement"),
    [
        (Use(megabytes=5000), "it used more than 1024 MB of memory", "failed"),
        (Use(cpu_seconds=90), "it used more than 60 seconds of CPU time", "passed"),
    ],
)
def test_a_limit_that_was_passed_before_the_first_look_holds(
    machine: Machine, judged: Judged, use: Use, reason: str, judgement: str
) -> None:
    def answer(process: Process) -> None:
        machine.use = use
        process.socket.sendall(FRAME)

    outcome = judged(answer)
    assert (outcome["a"].reason, outcome["a"].stopped) == (reason, True)
    assert outcome["t"].judgement == judgement


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopped, "_LAST_SECONDS", 0.01)


@pytest.mark.usefixtures("hasty")
def test_a_process_that_the_machine_killed_is_not_judged_however_long_it_dies(
    judged: Judged,
) -> None:
    def die(process: Process) -> None:
        process.socket.shutdown(socket.SHUT_RDWR)
        time.sleep(0.1)
        process.tell(exit=-9, cpu=0.1, megabytes=1.0)

    outcome = judged(die)["t"]
    assert outcome.judgement == "not judged"
    assert outcome.reason == "the submission's process was killed by the machine"


@pytest.mark.usefixtures("hasty")
def test_nobody_waits_for_a_process_that_closed_its_connection_and_lives(judged: Judged) -> None:
    began = time.monotonic()
    outcome = judged(lambda process: process.socket.shutdown(socket.SHUT_RDWR), pid=os.getpid())
    assert outcome["t"].judgement == "failed"
    assert outcome["t"].reason == "the submission's process closed its connection"
    assert time.monotonic() - began < stopped.BURIAL_SECONDS / 2


@dataclass
class Hands:
    """The clocks of a grace, turned by the test."""

    now: float = 0.0
    waited: float = 0.0
    used: float = 0.0

    def grace(self, seconds: float) -> Grace:
        return Grace(seconds, lambda: self.waited, lambda: self.used, lambda: self.now)

    def seconds_of(self, given: Grace, waits: float, uses: float) -> float:
        """How long it lasts for a process that waits and uses so much of each second."""
        while given.left() > 1e-9:
            self.now += 0.05
            self.waited, self.used = waits * self.now, uses * self.now
        return round(self.now, 1)


@pytest.mark.parametrize(
    ("waits", "uses", "lasts", "too_busy"),
    [
        (0.0, 1.0, 2.0, False),  # alone on its core
        (0.5, 0.5, 4.0, False),  # shares it with another submission
        (1.0, 0.0, 8.0, True),  # does not get a core at all
        (0.9, 8.0, 2.0, False),  # its own processes take all cores
        (0.9, 0.5, 4.0, False),  # they take half a core
    ],
)
def test_a_grace_counts_own_seconds_and_always_ends(
    waits: float, uses: float, lasts: float, too_busy: bool
) -> None:
    hands = Hands()
    given = hands.grace(2.0)
    assert hands.seconds_of(given, waits, uses) == lasts
    assert given.too_busy is too_busy


def test_while_nobody_could_look_no_grace_runs_out() -> None:
    hands = Hands()
    given = hands.grace(2.0)
    hands.now = 60.0
    assert given.left() > 1.5


def test_a_frame_that_comes_byte_by_byte_takes_no_longer_than_it_may() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        seconds = iter([0.2, 0.1, 0.0])

        def left() -> float:
            theirs.sendall(bytes(1))
            return next(seconds)

        with pytest.raises(WireSilent):
            Wire(ours).receive(left)


def test_a_process_is_dying_from_its_end_until_it_is_buried_and_after() -> None:
    with subprocess.Popen(["/bin/true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_dying(process.pid)
    assert is_dying(NOBODY)
    assert not is_dying(os.getpid())
