"""Port 7475: who doesn't know the secret of a ship gets nothing, and who lies isn't believed."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import tempfile
import threading
import time
from pathlib import Path

import pytest

from provisioning.environments.shipping.on_host import fetching, greeting
from provisioning.environments.shipping.on_host.chunks import Chunks
from provisioning.environments.shipping.on_host.fetching import Fetching, Source
from provisioning.environments.shipping.on_host.folders import ensure_folders
from provisioning.environments.shipping.on_host.frames import CHUNK, FRAME
from provisioning.environments.shipping.on_host.order import Layout, Order
from provisioning.environments.shipping.on_host.sending import Sending
from provisioning.environments.shipping.on_host.switchboard import Switchboard
from tests.provisioning.environments.shipping.local_hosts import own_address

SECRET, OTHER_SECRET = b"s" * 32, b"o" * 32
SHIP, OTHER_SHIP = "a1" * 16, "b2" * 16
#: No other process of this machine takes a port of it.
ADDRESS = own_address(200)
CHUNKS = [bytes([number]) * 1000 for number in range(5)]


class Heard:
    """What a host says to the controller."""

    def __init__(self):
        self.said = []

    def say(self, what, **facts):
        self.said.append((what, facts))


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """No host of these tests is silent for ever: the machine may be busy."""
    monkeypatch.setattr(fetching, "SILENCE_SECONDS", 15)


@pytest.fixture
def chunks_in(tmp_path):
    """Makes the chunks of a host; some are there."""

    def make(name, there=(), ship=SHIP, secret=SECRET, address=ADDRESS):
        layout_order = order_for(tmp_path / name / "environments", ship, secret, address)
        layout = Layout.of(layout_order)
        ensure_folders(layout)
        chunks = Chunks(layout_order, layout)
        for index in there:
            assert chunks.store(index, memoryview(CHUNKS[index]))
        return layout_order, chunks

    return make


def order_for(environments, ship, secret, address):
    digests = b"".join(hashlib.sha256(chunk).digest() for chunk in CHUNKS)
    return Order(
        name="nlp", identity="0" * 12, architecture="x86_64",
        prefix=str(environments / f"nlp-{'0' * 12}"), python="bin/python", tree_sha256="",
        files=0, unpacked_bytes=0, imports=(), archive="nlp.tar.zst",
        archive_bytes=sum(map(len, CHUNKS)), chunk_bytes=1000,
        digests=base64.b64encode(digests).decode(), ship=ship, secret=secret.hex(),
        listen=address, port=free_port(),
    )  # fmt: skip


def free_port():
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]


@pytest.fixture
def run_folder():
    """A short path: the name of a Unix socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="ws-") as folder:
        yield Path(folder)


@pytest.fixture
def giving(chunks_in, run_folder):
    """Opens the port of a host that has everything; its address."""
    boards = []

    def open_port(ship=SHIP, secret=SECRET, port=None):
        order, chunks = chunks_in(f"giving-{ship}", there=range(5), ship=ship, secret=secret)
        address = (ADDRESS, port or order.port)
        boards.append(Switchboard(address, run_folder, ship, Sending(order, chunks).visit))
        assert boards[-1].open() == ""
        return address

    yield open_port
    for board in boards:
        board.close()


def everything(address):
    """All that the other side still sends."""
    address.settimeout(8)
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := address.recv(65536):
            got += piece
    return got


@pytest.fixture
def take(chunks_in):
    """Lets a host take from an address, until the test ends; its chunks, and what it said."""
    taking = []

    def start(address, *, ship=SHIP, secret=SECRET, name="taking"):
        order, chunks = chunks_in(name, ship=ship, secret=secret)
        heard = Heard()
        host = Fetching(order._replace(port=address[1]), chunks, heard)
        host.ask((Source("other", address[0]),))
        thread = threading.Thread(target=host.run, daemon=True)
        thread.start()
        taking.append((thread, host, chunks))
        return chunks, heard

    yield start
    for thread, host, chunks in taking:
        assert all(chunks.store(index, memoryview(chunk)) for index, chunk in enumerate(CHUNKS))
        host.ask(())
        thread.join(10)
        assert not thread.is_alive()


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_a_host_of_the_ship_gets_all_chunks(giving, take):
    chunks, heard = take(giving())

    until(lambda: chunks.complete)

    assert heard.said == [("joined", {"source": "other"})]


@pytest.mark.parametrize("said", [
    b"",
    b"GET / HTTP/1.1\r\n\r\n" + bytes(100),
    greeting.MAGIC + bytes.fromhex(OTHER_SHIP) + bytes(32),
], ids=["nothing", "http", "unknown ship"])  # fmt: skip
def test_a_stranger_gets_no_byte(giving, said, monkeypatch):
    monkeypatch.setattr(greeting, "GREETING_SECONDS", 0.3)
    with socket.create_connection(giving()) as stranger:
        stranger.sendall(said)

        assert everything(stranger) == b""


@pytest.mark.parametrize("proof", [bytes(32), None], ids=["zeros", "another secret's"])
def test_who_does_not_know_the_secret_gets_a_number_and_nothing_else(giving, proof):
    with socket.create_connection(giving()) as stranger:
        hello = greeting.MAGIC + bytes.fromhex(SHIP) + bytes(32)
        stranger.sendall(hello)
        nonce = stranger.recv(32)
        stranger.sendall(proof or greeting._proof(OTHER_SECRET, b"asks", hello, nonce))

        assert everything(stranger) == b""


def test_what_was_overheard_opens_nothing(giving):
    address = giving()
    hello = greeting.MAGIC + bytes.fromhex(SHIP) + bytes(32)
    with socket.create_connection(address) as honest:
        honest.sendall(hello)
        proof = greeting._proof(SECRET, b"asks", hello, honest.recv(32))
        honest.sendall(proof)
        assert len(honest.recv(32)) == 32
    with socket.create_connection(address) as stranger:
        stranger.sendall(hello)
        assert len(stranger.recv(32)) == 32
        stranger.sendall(proof)

        assert everything(stranger) == b""


def test_a_host_takes_nothing_from_one_that_does_not_know_the_secret(giving, take):
    chunks, heard = take(giving(secret=OTHER_SECRET))

    until(lambda: any(what == "starved" for what, _ in heard.said))

    assert not chunks.arrived
    assert not any(what == "joined" for what, _ in heard.said)


def test_strangers_who_say_nothing_keep_nobody_out(giving, take, monkeypatch):
    monkeypatch.setattr(greeting, "GREETING_SECONDS", 60)  # so long they could
    address = giving()
    strangers = [socket.create_connection(address) for _ in range(20)]
    try:
        chunks, _ = take(address)

        until(lambda: chunks.complete)
    finally:
        for stranger in strangers:
            stranger.close()


def test_a_stranger_who_trickles_is_shown_out(giving, monkeypatch):
    monkeypatch.setattr(greeting, "GREETING_SECONDS", 0.3)
    with socket.create_connection(giving()) as stranger:
        trickle = threading.Thread(target=send_slowly, args=(stranger,))
        trickle.start()

        assert everything(stranger) == b""  # its end, within the 8 seconds that it waits
        trickle.join()


def send_slowly(connection):
    with contextlib.suppress(OSError):
        for _ in range(60):
            connection.sendall(b"w")
            time.sleep(0.05)


@pytest.mark.parametrize("lie", ["flipped byte", "another chunk's number", "too short"])
def test_a_chunk_that_is_not_what_the_manifest_says_is_not_kept(take, lie):
    with liar(lie) as (address, lies):
        chunks, heard = take(address)

        until(lambda: any(what == "lost" for what, _ in heard.said))

    assert lies
    assert 2 not in chunks.arrived
    why = next(facts["why"] for what, facts in heard.said if what == "lost")
    assert "damaged" in why


class liar:
    """A host that knows the secret and sends its third chunk wrong."""

    def __init__(self, lie):
        self.lie = lie
        self.lies = []

    def __enter__(self):
        self.listener = socket.create_server((ADDRESS, 0))
        threading.Thread(target=self.serve, daemon=True).start()
        return self.listener.getsockname(), self.lies

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                greeting.answer(connection, greeting.hello_of(connection), SECRET)
                greeting.receive(connection, len(CHUNKS))
                for index in (0, 1):
                    connection.sendall(FRAME.pack(CHUNK, index, 1000) + CHUNKS[index])
                self.lies.append(self.lie)
                connection.sendall(self.third())
                time.sleep(0.2)

    def third(self):
        match self.lie:
            case "flipped byte":
                return FRAME.pack(CHUNK, 2, 1000) + b"\xff" + CHUNKS[2][1:]
            case "another chunk's number":
                return FRAME.pack(CHUNK, 2, 1000) + CHUNKS[3]
            case _:
                return FRAME.pack(CHUNK, 2, 999) + CHUNKS[2][:999]


def test_a_host_that_lies_is_left_for_one_that_does_not(giving, chunks_in):
    honest = giving()
    with liar("flipped byte") as (address, _):
        order, chunks = chunks_in("taking")
        heard = Heard()
        host = Fetching(order._replace(port=honest[1]), chunks, heard)
        host._connected = connector(host, {"liar": address, "honest": honest})
        host.ask((Source("liar", "x"), Source("honest", "x")))

        host.run()

    assert chunks.complete
    assert [facts["source"] for what, facts in heard.said if what == "joined"] == ["liar", "honest"]


def connector(host, addresses):
    """Both hosts have the address of this machine, so they need two ports."""
    original = host._connected

    def connected(source):
        address, port = addresses[source.name]
        host._order = host._order._replace(port=port)
        return original(Source(source.name, address))

    return connected


def test_the_second_ship_of_a_host_gets_its_connections_from_the_first(giving, take):
    address = giving()
    giving(OTHER_SHIP, OTHER_SECRET, port=address[1])

    for ship, secret in ((SHIP, SECRET), (OTHER_SHIP, OTHER_SECRET)):
        chunks, _ = take(address, ship=ship, secret=secret, name=ship)
        until(lambda chunks=chunks: chunks.complete)


def test_the_port_stays_open_for_the_second_ship_when_the_first_ends(chunks_in, run_folder, take):
    order, chunks = chunks_in("giving", there=range(5), ship=OTHER_SHIP, secret=OTHER_SECRET)
    address = (ADDRESS, order.port)
    first = Switchboard(address, run_folder, SHIP, lambda *_: None)
    second = Switchboard(address, run_folder, OTHER_SHIP, Sending(order, chunks).visit)
    assert (first.open(), second.open()) == ("", "")

    first.close()

    taken, _ = take(address, ship=OTHER_SHIP, secret=OTHER_SECRET)
    until(lambda: taken.complete)
    second.close()


def test_who_waited_for_the_port_leaves_it_alone_after_the_end(run_folder):
    address, before = (ADDRESS, free_port()), set(threading.enumerate())
    first = Switchboard(address, run_folder, SHIP, lambda *_: None)
    second = Switchboard(address, run_folder, OTHER_SHIP, lambda *_: None)
    assert (first.open(), second.open()) == ("", "")

    second.close()
    first.close()

    until(lambda: not set(threading.enumerate()) - before)
    socket.create_server(address).close()


def test_a_port_that_is_not_ours_is_said_and_not_fought_for(run_folder):
    elsewhere = Switchboard(("192.0.2.1", free_port()), run_folder, SHIP, lambda *_: None)

    assert "192.0.2.1" in elsewhere.open()

    elsewhere.close()
