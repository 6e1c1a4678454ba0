"""The process that holds the leash: what it makes of a controller, or itself, that is killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]

#: A warden without walls, whose prisoner writes a file once it may begin. `entering` is run in
#: the prisoner, where its walls would be built.
_A_WARDEN = """
import os, signal, socket, sys, time
from pathlib import Path
from grader.sealed import jail, warden
from grader.sealed.limits import Limits

def entering():
    {entering}

def body():
    Path(sys.argv[2]).write_text(str(os.getpid()))
    time.sleep(60)

jail.separate = lambda _: None
jail.enter = lambda _: entering()
nobody = jail.Jail(limits=Limits(), read_only=(), data_folder=None, account=0, layers=frozenset())
warden.guard(nobody, [], socket.socket(fileno=int(sys.argv[1])), body)
"""
_KILL_THE_WARDEN = """
    warden = os.getppid()
    os.kill(warden, signal.SIGKILL)
    while os.getppid() == warden:
        time.sleep(0.01)
"""


def _started(leash: socket.socket, begun: Path, entering: str = "pass") -> subprocess.Popen[bytes]:
    code = _A_WARDEN.format(entering=entering)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(leash.fileno()), str(begun)],
        pass_fds=[leash.fileno()],
        stdout=subprocess.PIPE,  # ends with the last process that holds it
        env={"PYTHONPATH": str(PROJECT), "PATH": os.environ["PATH"]},
    )


@pytest.mark.parametrize("heard", [True, False], ids=["its word heard", "its word not heard"])
def test_a_controller_that_lets_go_ends_the_prisoner_first(tmp_path: Path, heard: bool) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        warden = _started(theirs, tmp_path / "begun")
    if heard:
        assert ours.recv(4096).startswith(b'{"pid":')
    else:
        ours.recv(1, socket.MSG_PEEK)
    ours.close()
    with warden:
        assert warden.stdout is not None
        assert warden.stdout.read() == b""
    assert warden.returncode == 0, "it did not see the prisoner's end"


def test_a_prisoner_whose_warden_died_meanwhile_never_begins(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    begun = tmp_path / "begun"
    with theirs:
        warden = _started(theirs, begun, _KILL_THE_WARDEN)
    with ours, warden:
        assert warden.stdout is not None
        assert warden.stdout.read() == b""  # nobody is left
    assert not begun.exists()
