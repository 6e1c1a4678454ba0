"""Uploads are limited, whole or absent, and counted once, whatever breaks in between."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hub_config.exchange.client import Address, ExchangeClient, ServiceRefused
from tests.hub_config.exchange.wire import open_upload, relay_to, status_of

Zipped = Callable[[dict[str, str | bytes]], bytes]
TWO_GIGABYTES = 2_000_000_000
PAGE = os.sysconf("SC_PAGE_SIZE")


def work(folder: Path, content: bytes) -> Path:
    """A valid archive with this content in it, stored without compression."""
    archive = folder / "work.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("lab.ipynb", content)
    return archive


def test_a_two_gigabyte_upload_is_refused_before_it_is_sent(exchange: Any) -> None:
    ada = exchange.person("ada")
    answer = ada.request(
        "POST", "api/tickets", json={"assignment": "tokenisation", "size": TWO_GIGABYTES}
    )
    assert (answer.status_code, answer.json()["error"]) == (413, "too-large")
    assert "20 MB" in answer.json()["message"]


def test_a_two_gigabyte_upload_is_cut_off_at_once_and_not_held_in_memory(exchange: Any) -> None:
    ada = exchange.person("ada")
    ticket = ada.ticket("tokenisation")
    before, began = exchange.memory(), time.monotonic()
    with open_upload(ada, ticket, f"Content-Length: {TWO_GIGABYTES}") as connection:
        assert status_of(connection) == 413, "and not one byte of it was sent"
        assert time.monotonic() - began < 2
        sent = 0
        with suppress(OSError):
            while sent < TWO_GIGABYTES:
                sent += connection.send(b"\0" * 65536)
    assert sent < 20_000_000
    assert exchange.memory() - before < 10_000_000
    assert exchange.uploads == []
    assert ada.own("tokenisation") == []


def test_an_endless_upload_in_chunks_is_cut_off_at_the_limit(exchange: Any) -> None:
    ada = exchange.person("ada")
    ticket = ada.ticket("tokenisation")
    before, sent = exchange.memory(), 0
    chunk = b"10000\r\n" + b"\0" * 65536 + b"\r\n"
    with (
        open_upload(ada, ticket, "Transfer-Encoding: chunked") as connection,
        suppress(OSError),
    ):
        while sent < TWO_GIGABYTES:
            connection.sendall(chunk)
            sent += 65536
    assert 20_000_000 <= sent < 60_000_000
    assert exchange.memory() - before < 10_000_000
    assert exchange.uploads == []
    assert ada.own("tokenisation") == []


def test_an_upload_of_exactly_the_limit_is_kept_and_one_byte_more_is_not(
    start_exchange: Any, tmp_path: Path
) -> None:
    archive = work(tmp_path, b"x" * 5000)
    limit = archive.stat().st_size / 1_000_000
    sizes = {"max_megabytes": limit, "max_files": 10, "max_unpacked_megabytes": 1}
    service = start_exchange(submissions=sizes)
    service.person("ines").client.put_release("tokenisation", archive)
    ada = service.person("ada")
    ada.client.submit("tokenisation", archive)
    body = archive.read_bytes() + b"\0"
    answer = ada.request("PUT", f"api/uploads/{ada.ticket('tokenisation')}", data=body)
    assert answer.status_code == 413
    assert len(ada.own("tokenisation")) == 1


def test_a_replayed_upload_is_refused_and_nothing_is_lost_or_doubled(
    exchange: Any, zipped: Zipped
) -> None:
    person = exchange.person("seat04")
    ticket = person.ticket("tokenisation")
    old, new = zipped({"lab.ipynb": "old"}), zipped({"lab.ipynb": "new"})
    first = person.request("PUT", f"api/uploads/{ticket}", data=old)
    second = person.request("PUT", f"api/uploads/{person.ticket('tokenisation')}", data=new)
    assert (first.status_code, second.status_code) == (201, 201)
    for body in (old, new, b"something else"):
        replay = person.request("PUT", f"api/uploads/{ticket}", data=body)
        assert replay.status_code == 409
        assert replay.json()["submission"] == first.json()
    kept = [item.snapshot.id for item in person.own("tokenisation")]
    assert kept == [first.json()["id"], second.json()["id"]]


def test_a_replay_is_refused_after_a_restart_too(start_exchange: Any, zipped: Zipped) -> None:
    service = start_exchange()
    body = zipped({"lab.ipynb": "x"})
    service.person("ines").request("PUT", "api/releases/tokenisation", data=body)
    ada = service.person("ada")
    ticket = ada.ticket("tokenisation")
    first = ada.request("PUT", f"api/uploads/{ticket}", data=body)
    service.kill()
    service.start()
    replay = ada.request("PUT", f"api/uploads/{ticket}", data=body)
    assert (replay.status_code, replay.json()["submission"]) == (409, first.json())
    assert len(ada.own("tokenisation")) == 1


def test_bytes_other_than_announced_are_refused(exchange: Any, zipped: Zipped) -> None:
    person = exchange.person("seat05")
    body = zipped({"lab.ipynb": "x"})
    for announced in ({"sha256": "0" * 64}, {"size": len(body) - 1}):
        ticket = person.ticket("tokenisation", **announced)
        assert person.request("PUT", f"api/uploads/{ticket}", data=body).status_code == 400
    assert person.own("tokenisation") == []
    assert exchange.uploads == []


def test_what_is_no_harmless_archive_is_refused(exchange: Any, zipped: Zipped) -> None:
    person = exchange.person("seat05")
    bomb = zipped({"lab.ipynb": b"\0" * 150_000_000})
    for body, status in [
        (b"no zip", 422),
        (zipped({"../lab.ipynb": "x"}), 422),
        (zipped({f"{number}.txt": "" for number in range(201)}), 413),
        (bomb, 413),
    ]:
        ticket = person.ticket("tokenisation")
        answer = person.request("PUT", f"api/uploads/{ticket}", data=body)
        assert answer.status_code == status, answer.text
    assert person.own("tokenisation") == []
    assert exchange.uploads == []


def test_twenty_submissions_at_once_are_all_kept(exchange: Any, zipped: Zipped) -> None:
    names = [f"seat{number:02}" for number in range(1, 21)]
    bodies = {name: zipped({"lab.ipynb": f"answer of {name} " * 1000}) for name in names}
    people = {name: exchange.person(name) for name in names}

    def submit(name: str) -> int:
        ticket = people[name].ticket("embeddings")
        return people[name].request("PUT", f"api/uploads/{ticket}", data=bodies[name]).status_code

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(submit, names)) == [201] * 20
    for name in names:
        (item,) = people[name].own("embeddings")
        answer = people[name].request(
            "GET", f"api/submissions/embeddings/{name}/{item.snapshot.id}"
        )
        assert answer.content == bodies[name]


def test_one_ticket_used_at_the_same_time_counts_once(exchange: Any, zipped: Zipped) -> None:
    person = exchange.person("seat06")
    ticket = person.ticket("tokenisation")
    body = zipped({"lab.ipynb": "x" * 100_000})

    def put(_: int) -> int:
        return person.request("PUT", f"api/uploads/{ticket}", data=body).status_code

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(put, range(3))) == [201, 409, 409]
    assert len(person.own("tokenisation")) == 1


def test_tickets_and_kept_snapshots_are_limited(start_exchange: Any, zipped: Zipped) -> None:
    service = start_exchange(tickets_per_minute=4, snapshots_kept=2)
    body = zipped({"lab.ipynb": "x"})
    service.person("ines").request("PUT", "api/releases/tokenisation", data=body)
    ada, bob = service.person("ada"), service.person("bob")
    for _ in range(2):
        ticket = ada.ticket("tokenisation")
        assert ada.request("PUT", f"api/uploads/{ticket}", data=body).status_code == 201
    full = ada.request("POST", "api/tickets", json={"assignment": "tokenisation"})
    assert (full.status_code, len(ada.own("tokenisation"))) == (429, 2)
    assert "2 submissions" in full.json()["message"]
    for _ in range(4):
        bob.ticket("tokenisation")
    fast = bob.request("POST", "api/tickets", json={"assignment": "tokenisation"})
    assert (fast.status_code, fast.json()["remedy"]) == (429, "Wait a minute, then submit once.")


def test_no_one_may_hold_many_uploads_open(exchange: Any) -> None:
    person = exchange.person("seat07")
    ticket = person.ticket("tokenisation")
    held = [open_upload(person, ticket, "Content-Length: 1000") for _ in range(3)]
    wait_until(lambda: len(exchange.uploads) == 3)
    with open_upload(person, ticket, "Content-Length: 1000") as one_more:
        assert status_of(one_more) == 429
    for connection in held:
        connection.close()
    wait_until(lambda: exchange.uploads == [])


def test_a_second_service_on_the_same_store_refuses_to_start(
    exchange: Any, start_exchange: Any
) -> None:
    with pytest.raises(AssertionError, match="Another exchange service is using"):
        start_exchange(store=exchange.store)


# --- broken connections and kill -9 -----------------------------------------------------------


def wait_until(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def random_work(folder: Path) -> Path:
    return work(folder, random.Random(1).randbytes(8_000_000))


def test_kill_9_in_mid_upload_leaves_nothing_and_the_client_s_retry_counts_once(
    start_exchange: Any, tmp_path: Path, zipped: Zipped
) -> None:
    service = start_exchange()
    service.person("ines").request(
        "PUT", "api/releases/tokenisation", data=zipped({"lab.ipynb": ""})
    )
    ada, archive = service.person("ada"), random_work(tmp_path)
    with relay_to(service) as relay, ThreadPoolExecutor(1) as pool:
        relay.hold_after = 3_000_000
        client = ExchangeClient(Address(relay.url, ada.token))
        result = pool.submit(client.submit, "tokenisation", archive)
        assert relay.stalled.wait(20)
        wait_until(lambda: sum(path.stat().st_size for path in service.uploads) > 1_000_000)
        assert ada.own("tokenisation") == []
        service.kill()
        assert len(service.uploads) == 1
        service.start()
        snapshot = result.result(timeout=60)
    assert service.uploads == []
    assert [item.snapshot for item in ada.own("tokenisation")] == [snapshot]
    files = sorted(path.suffix for path in (service.store / "submissions").rglob("0*"))
    assert files == [".json", ".zip"]


def test_a_broken_connection_leaves_nothing(exchange: Any) -> None:
    person = exchange.person("seat09")
    with open_upload(
        person, person.ticket("tokenisation"), "Content-Length: 1000000"
    ) as connection:
        connection.sendall(b"x" * 500_000)
        wait_until(lambda: len(exchange.uploads) == 1)
    wait_until(lambda: exchange.uploads == [])
    assert person.own("tokenisation") == []


def test_leftovers_of_a_killed_commit_are_swept_and_never_shown(
    start_exchange: Any, zipped: Zipped
) -> None:
    """The bytes got their name, the record did not."""
    service = start_exchange()
    body = zipped({"lab.ipynb": "x"})
    service.person("ines").request("PUT", "api/releases/tokenisation", data=body)
    ada = service.person("ada")
    first = ada.request("PUT", f"api/uploads/{ada.ticket('tokenisation')}", data=body).json()
    service.kill()
    half = service.store / "submissions/tokenisation/ada" / f"000002-{'0' * 64}.zip"
    half.write_bytes(b"half")
    (service.store / "uploads" / "half").write_bytes(b"half")
    service.start()
    assert not half.exists()
    assert service.uploads == []
    assert [item.snapshot.id for item in ada.own("tokenisation")] == [first["id"]]


# --- a full disk --------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_is_a_clean_refusal_that_leaves_nothing(
    start_exchange: Any, small_disk: Path, zipped: Zipped
) -> None:
    service = start_exchange(store=small_disk / "store")
    small = zipped({"lab.ipynb": "x"})
    service.person("ines").request("PUT", "api/releases/tokenisation", data=small)
    ada = service.person("ada")
    too_much = random_work(small_disk.parent).read_bytes()
    ticket = ada.ticket("tokenisation")
    refused = ada.request("PUT", f"api/uploads/{ticket}", data=too_much)
    assert (refused.status_code, refused.json()["error"]) == (507, "store-full")
    assert service.uploads == []
    assert ada.own("tokenisation") == []

    # Room for the bytes but not for their record: the bytes that had got their name go again.
    filler = small_disk / "filler"
    fill(filler)
    assert shutil.disk_usage(small_disk).free == 0
    os.truncate(filler, filler.stat().st_size - PAGE)
    refused = ada.request("PUT", f"api/uploads/{ticket}", data=small)
    assert refused.status_code == 507
    assert not list((service.store / "submissions").rglob("*.zip"))
    filler.unlink()
    assert ada.request("PUT", f"api/uploads/{ticket}", data=small).status_code == 201
    assert len(ada.own("tokenisation")) == 1
    service.stop()


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * PAGE)


def test_the_client_says_the_refusal_and_its_remedy(exchange: Any, tmp_path: Path) -> None:
    archive = work(tmp_path, b"x" * 21_000_000)
    with pytest.raises(ServiceRefused) as refusal:
        exchange.person("ada").client.submit("tokenisation", archive)
    assert refusal.value.message == "The upload is larger than the limit of 20 MB."
    assert "Remove large files" in refusal.value.next_step
