"""The controller's hold on a jailed process whose warden says little, or nothing any more."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from grader.sealed.wards import End, MachineError, Ward

#: What the controller may have said last, which a warden that was killed has not read.
ORDERS: dict[str, Callable[[Ward], None]] = {
    "nothing": lambda _: None,
    "interrupt": Ward.interrupt,
    "kill": Ward.kill,
}


@pytest.fixture(params=ORDERS)
def order(request: pytest.FixtureRequest) -> Callable[[Ward], None]:
    return ORDERS[request.param]


class Leashed:
    """A ward, and the warden's end of its leash."""

    def __init__(self) -> None:
        ours, self.warden = socket.socketpair()
        control, self._prisoner = socket.socketpair()
        self.ward = Ward(ours, control)

    def end(self) -> None:
        self.ward.release()
        self.warden.close()
        self._prisoner.close()


@pytest.fixture
def leashed() -> Iterator[Leashed]:
    made = Leashed()
    yield made
    made.end()


def test_a_warden_that_was_killed_is_lost_whatever_it_was_told_last(leashed, order):
    order(leashed.ward)
    leashed.warden.close()
    assert leashed.ward.ended(5.0) is None
    assert leashed.ward.lost


def test_what_it_said_before_it_was_killed_is_heard(leashed, order):
    leashed.warden.sendall(b'{"pid": 7}\n{"exit": 3, "cpu": 0.5, "megabytes": 9}\n')
    order(leashed.ward)
    leashed.warden.close()
    assert leashed.ward.pid == 7
    assert leashed.ward.ended(5.0) == End(3, 0.5, 9)


def test_one_that_never_named_its_process_is_the_machines_fault(leashed, order):
    order(leashed.ward)
    leashed.warden.close()
    with pytest.raises(MachineError):
        _ = leashed.ward.pid
