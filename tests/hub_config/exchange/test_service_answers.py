"""Every answer arrives, whatever was asked, and a connection that will end says so."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub_config.exchange.client import Address, ExchangeClient, ServiceRefused
from tests.hub_config.exchange.wire import open_request, open_upload, relay_to, status_of

Zipped = Callable[[dict[str, str | bytes]], bytes]


# Below tornado's buffer, above the size that tornado takes unasked, and what takes many reads.
@pytest.mark.parametrize("size", [100, 100_000, 5_000_000])
def test_the_refusal_of_a_replay_reaches_a_client_that_is_still_sending(
    exchange: Any, zipped: Zipped, size: int
) -> None:
    """Its first answer got lost, so it sends its work again."""
    person = exchange.person("seat14")
    ticket = person.ticket("tokenisation")
    body = zipped({"lab.ipynb": random.Random(size).randbytes(size)})
    first = person.request("PUT", f"api/uploads/{ticket}", data=body)
    before = len(person.own("tokenisation"))
    with open_upload(person, ticket, f"Content-Length: {len(body)}") as connection:
        time.sleep(0.5)  # time enough to answer before the body has come
        connection.sendall(body[: size // 2])
        time.sleep(0.1)
        connection.sendall(body[size // 2 :])
        assert status_of(connection) == 409
    kept = [item.snapshot.id for item in person.own("tokenisation")]
    assert first.json()["id"] in kept
    assert len(kept) == before


def test_the_refusal_of_an_unknown_token_reaches_a_client_that_is_still_sending(
    exchange: Any,
) -> None:
    stranger = replace(exchange.person("seat14"), token="nobody-s")
    with open_upload(stranger, "any", "Content-Length: 100000") as connection:
        for _ in range(2):
            time.sleep(0.5)
            connection.sendall(b"x" * 50_000)
        assert status_of(connection) == 401


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET api/releases/no%20name", 404),
        ("GET api/feedback/tokenisation/seat15/no%20entry", 404),
        ("DELETE api/releases/no%20name", 404),
        ("PUT api/releases/tokenisation Transfer-Encoding: chunked", 403),
        ("PUT api/uploads/any Content-Length: 2000000000", 410),
    ],
)
def test_an_answer_that_does_not_wait_for_the_body_says_that_the_connection_ends(
    exchange: Any, request_line: str, status: int
) -> None:
    """Else a client sends its next request into it, and never gets an answer to that one."""
    method, path, *header = request_line.split(" ", 2)
    with open_request(exchange.person("seat15"), method, path, *header) as connection:
        head, _, body = everything_from(connection).partition(b"\r\n\r\n")
    first_line, *headers = head.lower().split(b"\r\n")
    assert int(first_line.split(b" ")[1]) == status
    assert b"connection: close" in headers
    assert b"remedy" in body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "api/assignments", 200),
        ("GET", "api/releases/tokenisation", 200),
        ("GET", "api/releases/nothing-here", 404),
        ("DELETE", "api/releases/tokenisation", 403),
        ("PUT", "api/uploads/unknown", 410),
    ],
)
def test_any_other_answer_leaves_the_connection_open(
    exchange: Any, method: str, path: str, status: int
) -> None:
    person = exchange.person("seat15")
    length = ["Content-Length: 0"] if method == "PUT" else []
    with open_request(person, method, path, *length) as connection:
        assert status_of(connection) == status
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_a_lost_answer_is_no_second_submission(
    exchange: Any, tmp_path: Path, zipped: Zipped
) -> None:
    person = exchange.person("seat08")
    archive = tmp_path / "work.zip"
    archive.write_bytes(zipped({"lab.ipynb": random.Random(1).randbytes(8_000_000)}))
    with relay_to(exchange) as relay:
        client = ExchangeClient(Address(relay.url, person.token))
        client.overview()
        relay.swallow_answer = True
        snapshot = client.submit("tokenisation", archive)
    assert not relay.swallow_answer
    assert [item.snapshot for item in person.own("tokenisation")] == [snapshot]


def test_what_broke_off_half_way_is_fetched_again(exchange: Any, tmp_path: Path) -> None:
    person, target = exchange.person("seat08"), tmp_path / "release.zip"
    with relay_to(exchange) as relay:
        client = ExchangeClient(Address(relay.url, person.token), sleep=lambda _seconds: None)
        relay.tear_answer = True
        released = {view.assignment: view.release for view in client.overview().assignments}
        assert not relay.tear_answer
        relay.tear_answer = True
        client.fetch_release(released["tokenisation"], target)
        assert not relay.tear_answer
    assert target.read_bytes() == (exchange.folder / "tokenisation.zip").read_bytes()


def test_a_download_that_is_sent_elsewhere_is_refused_in_words(
    exchange: Any, tmp_path: Path
) -> None:
    """So answers a hub that doesn't know the service's address yet: nothing of it is an archive."""
    person = exchange.person("seat08")
    released = {view.assignment: view.release for view in person.client.overview().assignments}
    answer = b"HTTP/1.1 302 Found\r\nLocation: /hub/\r\nContent-Length: 4\r\n\r\ngone"
    with socket.create_server(("127.0.0.1", 0)) as elsewhere, ThreadPoolExecutor(1) as aside:
        aside.submit(answer_once, elsewhere, answer)
        url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}"
        with pytest.raises(ServiceRefused) as refusal:
            ExchangeClient(Address(url, "token")).fetch_release(
                released["tokenisation"], tmp_path / "release.zip"
            )
    assert refusal.value.status == 302
    assert not (tmp_path / "release.zip").exists()


def answer_once(listener: socket.socket, answer: bytes) -> None:
    caller, _ = listener.accept()
    with caller:
        caller.recv(65536)
        caller.sendall(answer)


def everything_from(connection: socket.socket) -> bytes:
    """Until the other side closes."""
    return b"".join(iter(lambda: connection.recv(65536), b""))
