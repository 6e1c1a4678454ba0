"""A host gives on what it has and what comes, each visitor at its own pace."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import threading

import pytest

from provisioning.environments.shipping.on_host import fetching, greeting, sending
from provisioning.environments.shipping.on_host.chunks import Chunks
from provisioning.environments.shipping.on_host.folders import ensure_folders
from provisioning.environments.shipping.on_host.frames import CHUNK, FRAME, WAITING
from provisioning.environments.shipping.on_host.order import Layout, Order
from provisioning.environments.shipping.on_host.sending import Sending, Stream

SECRET, SHIP = b"s" * 32, "a1" * 16
SIZE = 100_000
CONTENT = [os.urandom(SIZE) for _ in range(9)] + [os.urandom(700)]
#: Much less than a chunk, so that a visitor who doesn't read is soon sent nothing more.
SMALL_BUFFER = 8192


@pytest.fixture
def chunks(tmp_path):
    digests = b"".join(hashlib.sha256(content).digest() for content in CONTENT)
    order = Order(
        name="nlp", identity="0" * 12, architecture="x86_64",
        prefix=str(tmp_path / "environments" / f"nlp-{'0' * 12}"), python="bin/python",
        tree_sha256="", files=0, unpacked_bytes=0, imports=(), archive="nlp.tar.zst",
        archive_bytes=sum(map(len, CONTENT)), chunk_bytes=SIZE,
        digests=base64.b64encode(digests).decode(), ship=SHIP, secret=SECRET.hex(),
    )  # fmt: skip
    layout = Layout.of(order)
    ensure_folders(layout)
    return Chunks(order, layout)


@pytest.fixture
def without_beats(monkeypatch):
    """Nobody looks up twice a second whether something has come: who brings it has to say so."""
    monkeypatch.setattr(sending, "BEAT_SECONDS", 60)


def bring(chunks, *indexes):
    for index in indexes:
        assert chunks.store(index, memoryview(CONTENT[index]))


@pytest.fixture
def visitor(chunks):
    """Visits the host; the visitor's end of the connection, and a thread that ends with it."""
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as stack:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)

        def visit(had=()):
            end = stack.enter_context(socket.socket())
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
            end.settimeout(5)
            end.connect(server.getsockname())
            there, _ = server.accept()
            serving = threading.Thread(target=serve, args=(there,), daemon=True)
            serving.start()
            greeting.greet(end, SHIP, SECRET)
            end.sendall(bytes(index in had for index in range(len(CONTENT))))
            return end, serving

        def serve(there):
            Sending(chunks._order, chunks).visit(there, greeting.hello_of(there))

        yield visit


def frames(end, count):
    """The next chunks: their numbers, after a look at their bytes."""
    taken = []
    while len(taken) < count:
        kind, index, size = FRAME.unpack(greeting.receive(end, FRAME.size))
        if kind == CHUNK:
            assert greeting.receive(end, size) == CONTENT[index]
            taken.append(index)
    return taken


@pytest.mark.usefixtures("without_beats")
def test_a_visitor_gets_what_is_there_then_what_comes_and_nothing_that_it_has(chunks, visitor):
    bring(chunks, 3, 0)
    end, serving = visitor(had=(0, 5))

    assert frames(end, 1) == [3]
    bring(chunks, 9, 5, 1)
    assert frames(end, 2) == [9, 1]
    bring(chunks, 2, 4, 6, 7, 8)
    assert frames(end, 5) == [2, 4, 6, 7, 8]

    assert end.recv(1) == b""
    serving.join(5)
    assert not serving.is_alive()


@pytest.mark.usefixtures("without_beats")
def test_who_brings_chunks_does_not_wait_for_a_visitor_that_reads_nothing(chunks, visitor):
    end, _ = visitor()
    bringing = threading.Thread(target=bring, args=(chunks, *range(10)), daemon=True)
    bringing.start()

    bringing.join(5)

    assert not bringing.is_alive()
    assert chunks.complete
    assert frames(end, 10) == list(range(10))  # and nothing of it is lost


@pytest.mark.usefixtures("without_beats")
def test_a_slow_visitor_does_not_hold_up_another(chunks, visitor):
    slow, _ = visitor()
    quick, _ = visitor()
    bring(chunks, *range(10))

    assert frames(quick, 10) == list(range(10))
    assert frames(slow, 10) == list(range(10))


def test_a_visitor_that_goes_away_troubles_nobody(chunks, visitor):
    gone, serving = visitor()
    stays, _ = visitor()
    bring(chunks, 0)
    assert frames(gone, 1) == [0]

    gone.close()
    bring(chunks, *range(1, 10))

    assert frames(stays, 10) == list(range(10))
    serving.join(5)
    assert not serving.is_alive()


def test_a_host_that_has_nothing_new_says_that_it_is_there(chunks, visitor, monkeypatch):
    assert sending.BEAT_SECONDS * 3 <= fetching.SILENCE_SECONDS  # one beat may be late
    bring(chunks, 0)
    end, _ = visitor(had=(0,))
    end.settimeout(20)
    monkeypatch.setattr(greeting, "GREETING_SECONDS", 20)

    for _ in range(2):
        assert FRAME.unpack(greeting.receive(end, FRAME.size)) == (WAITING, 0, 0)


def test_a_visitor_that_takes_nothing_for_long_is_left(chunks, visitor, monkeypatch):
    monkeypatch.setattr(sending, "_SENDING_SECONDS", 0.3)
    _, serving = visitor()
    bring(chunks, *range(10))

    serving.join(5)

    assert not serving.is_alive()


def test_a_visit_ends_when_somebody_cut_the_archive(chunks, visitor):
    bring(chunks, 0)
    os.ftruncate(chunks.descriptor, 0)

    _, serving = visitor()

    serving.join(5)
    assert not serving.is_alive()


def test_a_visit_does_not_end_while_another_thread_is_at_its_last_chunk(chunks, monkeypatch):
    ours, theirs = socket.socketpair()
    stream = Stream(ours, chunks._order, chunks, bytes([1] * 9 + [0]))
    sending_it, may_go_on = threading.Event(), threading.Event()
    look, sendfile = stream._send_what_goes, os.sendfile

    def slowly(*order):
        sending_it.set()
        may_go_on.wait(20)
        return sendfile(*order)

    def nothing_yet_then_it_comes():
        stream._send_what_goes = look
        found = look()
        bring(chunks, 9)
        threading.Thread(target=stream.go_on).start()
        assert sending_it.wait(20)
        return found

    monkeypatch.setattr(os, "sendfile", slowly)
    stream._send_what_goes = nothing_yet_then_it_comes
    with ours, theirs:
        running = threading.Thread(target=stream.run)
        running.start()
        assert sending_it.wait(20)
        running.join(0.2)
        assert running.is_alive()
        may_go_on.set()
        running.join(20)
        assert frames(theirs, 1) == [9]
