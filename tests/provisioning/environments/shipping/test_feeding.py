"""A host that is fed says all the while what it lacks; what is on its way isn't sent again."""

from __future__ import annotations

import json
import os

import pytest

from provisioning.environments.shipping import feeding
from provisioning.environments.shipping.archive import Archive
from provisioning.environments.shipping.feeding import Feeding, opened

CHUNK_BYTES = 100
ALL = (0, 1, 2)


class Far:
    """The way to a host that is fed: a chunk is not there yet when the host says what it lacks."""

    def __init__(self, archive, descriptor):
        self.feeding = Feeding(archive, descriptor)
        self.written = []

    def write(self, data):
        index = json.loads(data.partition(b"\n")[0])["index"]
        self.written.append(index)
        self.feeding.feed(ALL[index:])
        if index == ALL[-1]:
            self.feeding.close()

    def lacks(self, *indexes):
        """The host says so; what is written to it then."""
        self.written = []
        self.feeding.feed(indexes)
        if indexes != ALL:
            self.feeding.close()
        self.feeding.write_to(self)
        return self.written


@pytest.fixture
def far(tmp_path):
    path = tmp_path / "archive"
    path.write_bytes(bytes(len(ALL) * CHUNK_BYTES))
    archive = Archive(path, None, CHUNK_BYTES, b"")
    descriptor = opened(archive)
    yield Far(archive, descriptor)
    os.close(descriptor)


def test_a_chunk_that_is_on_its_way_is_not_sent_again(far):
    assert far.lacks(*ALL) == [0, 1, 2]
    assert far.lacks(2) == []
    assert far.lacks(1, 2) == []

    assert far.feeding.fed_bytes == len(ALL) * CHUNK_BYTES


def test_a_chunk_that_did_not_arrive_whole_is_sent_again_later(far, monkeypatch):
    monkeypatch.setattr(feeding, "_UNDER_WAY_SECONDS", 0)
    assert far.lacks(*ALL) == [0, 1, 2]

    assert far.lacks(1) == [1]
