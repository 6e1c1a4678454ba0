"""What hub and seat host say to each other comes over as it was meant, or is refused."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from hub_config.seat_host import protocol
from hub_config.seat_host.client import AsyncSeatHost, SeatHost
from hub_config.seat_host.protocol import (
    Gpu,
    Health,
    HomeSize,
    SeatHostError,
    SeatOrder,
    SeatState,
    SeatUse,
    Started,
    WarmState,
)
from provisioning.errors import StepFailed

ORDER = SeatOrder(
    username="ada",
    uid=70001,
    port=20001,
    environment={"JUPYTERHUB_API_TOKEN": "secret"},
    memory_bytes=2**30,
    cpus=1.5,
    processes=512,
    home=Path("/homes/ada"),
    gpu=2,
    command=("a", "b"),
)
STATE = SeatState("ada", True, 20001, 70001, 2, Started(7, 8, True), 1, SeatUse(1, 2.5, 3, 4, True))
HEALTH = Health(
    "h", 2, 0.5, 9, 8, 7, 6, 5.0, 1, "limits", "firewall",
    (WarmState("server", 4, 1.0, 2, "id", "ill"),), (Gpu(0, "GPU-1", "T4", 16, 1, None),),
)  # fmt: skip


@pytest.mark.parametrize("noun", [ORDER, STATE, HEALTH, HomeSize("ada", 1, 2, False)])
def test_every_noun_comes_over_unchanged(noun: object) -> None:
    told = json.loads(protocol.line({"noun": noun}))
    assert protocol.read_noun(type(noun), told["noun"]) == noun


def test_a_newer_version_may_tell_more() -> None:
    told = json.loads(protocol.line({"noun": ORDER}))["noun"] | {"colour": "green"}
    assert protocol.read_noun(SeatOrder, told) == ORDER


def test_what_is_missing_is_named() -> None:
    with pytest.raises(SeatHostError, match=r"SeatOrder.*uid"):
        protocol.read_noun(SeatOrder, {"username": "ada"})


def test_an_order_shows_no_token_when_it_is_printed() -> None:
    assert "secret" not in repr(ORDER)


def test_a_refusal_keeps_what_it_says_and_what_to_do() -> None:
    line = protocol.refusal(StepFailed("it broke", next_step="mend it"))
    with pytest.raises(SeatHostError, match="it broke") as caught:
        protocol.answer(line)
    assert (caught.value.kind, caught.value.next_step) == ("failed", "mend it")


def test_an_unforeseen_error_tells_no_detail_over_the_socket() -> None:
    assert b"token" not in protocol.refusal(ValueError("token abc"))


@pytest.mark.parametrize("nonsense", [b"", b"{", b"[]", b"3", b"{}"])
def test_an_answer_that_is_none_is_a_refusal(nonsense: bytes) -> None:
    with pytest.raises(SeatHostError) as caught:
        protocol.answer(nonsense)
    assert caught.value.kind == "nonsense"


async def test_nobody_there_is_told_in_words(tmp_path: Path) -> None:
    nowhere = tmp_path / "no.sock"
    with pytest.raises(SeatHostError, match="its seats and their work are untouched") as caught:
        SeatHost(nowhere).list()
    assert caught.value.kind == "silent"
    with pytest.raises(SeatHostError) as caught:
        await AsyncSeatHost(nowhere).list()
    assert caught.value.kind == "silent"


async def test_a_service_that_hangs_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "deaf.sock"))
        deaf.listen()
        with pytest.raises(SeatHostError):
            SeatHost(tmp_path / "deaf.sock", 0.05).health()
        with pytest.raises(SeatHostError):
            await AsyncSeatHost(tmp_path / "deaf.sock", 0.05).health()


def test_a_service_that_hangs_up_is_silent_too(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as rude:
        rude.bind(str(tmp_path / "rude.sock"))
        rude.listen()
        threading.Thread(target=lambda: rude.accept()[0].close()).start()
        with pytest.raises(SeatHostError) as caught:
            SeatHost(tmp_path / "rude.sock").health()
    assert caught.value.kind == "silent"
