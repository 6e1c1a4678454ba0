"""Frames come out as they went in, however the network cuts them, and silence ends the waiting."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.environments.shipping.on_host.frames import CHUNK, FRAME, WAITING, Frames
from provisioning.environments.shipping.on_host.greeting import NotOneOfUs

LARGEST, LAST = 1000, 300
CHUNKS = 5
PATIENCE = 0.3


def size_of(index):
    return {CHUNKS - 1: LAST}.get(index, LARGEST if index < CHUNKS else 0)


def content_of(index):
    return bytes([index + 1]) * size_of(index)


@pytest.fixture(scope="module")
def connected():
    """Makes both ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def make():
            ours = socket.create_connection(server.getsockname())
            theirs, _ = server.accept()
            theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return ours, theirs

        yield make


def frames_of(connection, seconds=PATIENCE):
    return Frames(connection, sizes=size_of, largest=LARGEST, seconds=seconds)


def said(index):
    """A frame as it is sent: a chunk's, or None for "nothing new"."""
    if index is None:
        return FRAME.pack(WAITING, 0, 0)
    return FRAME.pack(CHUNK, index, size_of(index)) + content_of(index)


@given(
    order=st.lists(st.none() | st.integers(0, CHUNKS - 1), max_size=12),
    cuts=st.lists(st.integers(1, 2500), max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_every_frame_comes_out_as_it_went_in(connected, order, cuts):
    ours, theirs = connected()
    whole = b"".join(said(index) for index in order)

    def talk():
        with theirs:
            rest = whole
            for cut in cuts:
                theirs.sendall(rest[:cut])
                rest = rest[cut:]
            theirs.sendall(rest)

    talking = threading.Thread(target=talk)
    talking.start()
    with ours:
        frames = frames_of(ours, seconds=5)
        for index in order:
            kind, chunk, data = frames.take()
            assert (kind, bytes(data)) == (
                (WAITING, b"") if index is None else (CHUNK, content_of(index))
            )
            assert index is None or chunk == index
        with pytest.raises(NotOneOfUs):
            frames.take()
    talking.join()


def test_the_last_chunk_is_smaller_and_nobody_waits_for_more(connected):
    ours, theirs = connected()
    with ours, theirs:
        frames = frames_of(ours, seconds=20)
        theirs.sendall(said(3) + said(4))
        began = time.monotonic()
        assert [frames.take().chunk, frames.take().chunk] == [3, 4]
        assert time.monotonic() - began < 10


def test_a_beat_where_a_chunk_was_expected_is_heard_when_patience_ends(connected):
    ours, theirs = connected()
    with ours, theirs:
        frames = frames_of(ours)
        theirs.sendall(said(0))
        frames.take()
        theirs.sendall(said(None))
        assert frames.take().kind == WAITING


@pytest.mark.parametrize("begun", [b"", said(1)[:5], said(1)[:500]], ids=["", "frame", "chunk"])
def test_silence_is_an_error_also_in_the_middle_of_a_chunk(connected, begun):
    ours, theirs = connected()
    with ours, theirs:
        frames = frames_of(ours)
        theirs.sendall(said(0) + begun)
        frames.take()
        began = time.monotonic()
        with pytest.raises(BlockingIOError):
            frames.take()
        assert PATIENCE * 0.9 < time.monotonic() - began < 10


def test_nobody_gets_more_into_our_memory_than_a_chunk(connected):
    ours, theirs = connected()
    with ours, theirs:
        theirs.sendall(FRAME.pack(CHUNK, 2, 2**32 - 1) + b"x" * (2 * LARGEST))
        assert len(frames_of(ours).take().data) == LARGEST
