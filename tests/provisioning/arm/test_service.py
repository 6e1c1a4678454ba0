"""The Arm service, with TVM's own RPC: who gets in, whose turn it is, and when it ends."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from provisioning.arm.keys import seat_key
from tests.provisioning.arm.conftest import (
    SECRET,
    WELCOME,
    WRONG_KEY,
    ArmService,
    answer,
)

SECONDS = 3


@pytest.fixture(scope="module")
def one(make_service: Callable[..., ArmService]) -> ArmService:
    """With sessions of three seconds, two at a time."""
    return make_service(seconds=SECONDS, at_once=2)


@pytest.fixture(scope="module")
def lasting(make_service: Callable[..., ArmService]) -> ArmService:
    """With sessions that go on while a test looks."""
    return make_service(seconds=60, at_once=2)


@pytest.fixture
def patient_service(lasting: ArmService) -> Iterator[ArmService]:
    yield lasting
    lasting.forget()


@pytest.fixture
def service(one: ArmService) -> Iterator[ArmService]:
    yield one
    one.forget()


def test_two_attendees_are_in_at_once_and_the_third_waits_for_a_place(patient_service):
    ada, bob, cyd = map(patient_service.come, ("ada", "bob", "cyd"))
    assert [answer(ada), answer(bob)] == [WELCOME, WELCOME]
    with pytest.raises(TimeoutError):
        answer(cyd, seconds=0.5)
    ada.close()
    assert answer(cyd) == WELCOME


@pytest.mark.parametrize(
    "key",
    ["guess", SECRET, "ada." + "0" * 64, "grace." + seat_key(SECRET, "ada").rpartition(".")[2]],
)
def test_without_a_key_of_ours_nobody_gets_in(service, key):
    assert answer(service.knock(key)) == WRONG_KEY


def test_turns_go_by_seat_not_by_speed(service):
    first = [service.come("ada"), service.come("bob")]
    assert [answer(each) for each in first] == [WELCOME, WELCOME]
    quick = [service.come("ada") for _ in range(3)]  # her oldest session ends for it
    slow = service.come("grace")
    welcomed = time.monotonic()
    assert answer(slow) == WELCOME  # before ada's second
    assert time.monotonic() - welcomed < SECONDS + 2
    assert answer(quick[0]) == WELCOME


def test_a_session_that_hangs_is_ended_and_gives_its_place_to_the_next(service):
    hung = [service.come("ada"), service.come("bob")]
    assert [answer(each) for each in hung] == [WELCOME, WELCOME]
    began = time.monotonic()
    assert answer(service.come("cyd")) == WELCOME
    assert time.monotonic() - began < SECONDS + 2
    assert hung[0].recv(1) == b""


def test_who_never_says_anything_keeps_nobody_out(service):
    for _ in range(20):
        service.connections.append(
            __import__("socket").create_connection(("127.0.0.1", service.port))
        )
    assert answer(service.come("ada")) == WELCOME


def test_nobody_inside_knows_the_secret(patient_service):
    answer(patient_service.come("ada"))
    told = []
    for process in psutil.Process(patient_service.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # somebody's session ends meanwhile
            told.append(" ".join([*process.cmdline(), *process.environ().values()]))
    assert len(told) >= 3  # the jail, the server, a session
    assert not [words for words in told if SECRET in words]


def test_it_listens_on_loopback_alone(service):
    listening = [
        each.laddr.ip
        for each in psutil.net_connections("tcp")
        if each.status == "LISTEN" and each.laddr.port == service.port
    ]
    assert listening == ["127.0.0.1"]


def test_when_the_server_dies_the_service_ends_and_starts_anew(service):
    assert answer(service.come("ada")) == WELCOME
    below = psutil.Process(service.process.pid).children(recursive=True)
    below[0].kill()
    assert service.process.wait(10) == 1
    service.process.stderr.close()
    assert psutil.wait_procs(below, timeout=10)[1] == []
    service.start()
    assert answer(service.come("ada")) == WELCOME
