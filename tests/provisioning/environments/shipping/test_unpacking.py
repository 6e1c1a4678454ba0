"""From archive to files: all of them, exactly, or none."""

from __future__ import annotations

import io
import os
import tarfile

import pytest
import zstandard

from provisioning.environments.shipping.on_host.folders import ensure_folders
from provisioning.environments.shipping.on_host.marker import is_whole
from provisioning.environments.shipping.on_host.order import Layout, Order
from provisioning.environments.shipping.on_host.tree import listing, tree_sha256
from provisioning.environments.shipping.on_host.unpacking import unpack
from provisioning.environments.shipping.on_host.voice import Refused

OLD = "what was there before"


def member(name, kind=tarfile.REGTYPE, content=b"", mode=0o644, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.size = kind, mode, target, len(content)
    return info, content


FOLDER = member("bin", tarfile.DIRTYPE, mode=0o755)
GOOD = (
    FOLDER,
    member("bin/tool", content=b"#!/bin/sh\n", mode=0o755),
    member("bin/link", tarfile.SYMTYPE, target="tool"),
)


def tarred(*members):
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return whole.getvalue()


@pytest.fixture
def arrived(tmp_path):
    """Puts packed bytes where a host has its archive; the order for it."""

    def make(packed, tree_sha256="0" * 64, unpacked=10_000):
        order = Order(
            name="nlp", identity="0" * 12, architecture="x86_64",
            prefix=str(tmp_path / "environments" / f"nlp-{'0' * 12}"), python="bin/python",
            tree_sha256=tree_sha256, files=10, unpacked_bytes=unpacked, imports=(),
            archive="nlp.tar.zst", archive_bytes=len(packed), chunk_bytes=1000, digests="",
            ship="", secret="",
        )  # fmt: skip
        layout = Layout.of(order)
        ensure_folders(layout)
        layout.archive.write_bytes(packed)
        return order, layout

    return make


def packed(content):
    return zstandard.ZstdCompressor(level=1).compress(content)


def hash_of(tmp_path, *members):
    """The tree hash of these members, unpacked by another hand."""
    folder = tmp_path / "by another hand"
    with tarfile.open(fileobj=io.BytesIO(tarred(*members))) as tar:
        tar.extractall(folder)
    return tree_sha256(listing(folder))


def unpack_quietly(order, layout):
    unpack(order, layout, lambda files: None)


def test_files_folders_and_links_are_as_they_were_packed(arrived, tmp_path):
    order, layout = arrived(packed(tarred(*GOOD)), hash_of(tmp_path, *GOOD))

    unpack_quietly(order, layout)

    assert is_whole(order, layout)
    assert os.access(layout.prefix / "bin/tool", os.X_OK)
    assert (layout.prefix / "bin/link").readlink().name == "tool"
    assert tree_sha256(listing(layout.prefix)) == order.tree_sha256
    assert oct(layout.prefix.stat().st_mode) == "0o40755"


def test_a_large_file_of_many_frames_is_read_to_its_end(arrived, tmp_path):
    big = (member("big", content=os.urandom(3_000_000)),)
    content = tarred(*big)
    frames = packed(content[:1_000_000]) + packed(content[1_000_000:])
    order, layout = arrived(frames, hash_of(tmp_path, *big), unpacked=3_000_000)

    unpack_quietly(order, layout)

    assert (layout.prefix / "big").read_bytes() == big[0][1]


def test_set_user_id_is_dropped(arrived, tmp_path):
    bad = (FOLDER, member("bin/su", content=b"x", mode=0o4755))
    order, layout = arrived(packed(tarred(*bad)), hash_of(tmp_path, *bad))

    unpack_quietly(order, layout)

    assert oct((layout.prefix / "bin/su").stat().st_mode) == "0o100755"


@pytest.mark.parametrize("bad", [
    member("../escaped", content=b"x"),
    member("/tmp/escaped", content=b"x"),
    member("bin/../../escaped", content=b"x"),
    member("bin/hard", tarfile.LNKTYPE, target="/etc/passwd"),
    member("bin/device", tarfile.CHRTYPE),
    member("bin/pipe", tarfile.FIFOTYPE),
    member("bin/tool", content=b"twice"),
    member(".complete", content=b"{}"),
    member("large", content=bytes(20_000)),
], ids=lambda case: case[0].name)  # fmt: skip
def test_an_archive_with_such_a_member_is_refused_whole(arrived, tmp_path, bad):
    order, layout = arrived(packed(tarred(*GOOD, bad)))

    with pytest.raises(Refused) as refused:
        unpack_quietly(order, layout)

    assert refused.value.kind == "damaged-archive"
    assert list(layout.environments.iterdir()) == []
    assert not list(tmp_path.rglob("escaped"))


def test_nothing_is_written_through_a_link_of_the_archive(arrived, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    through = (
        member("lib", tarfile.SYMTYPE, target=str(outside)),
        member("lib/planted", content=b"x"),
    )
    order, layout = arrived(packed(tarred(*through)))

    with pytest.raises(Refused):
        unpack_quietly(order, layout)

    assert list(outside.iterdir()) == []
    assert list(layout.environments.iterdir()) == []


@pytest.mark.parametrize("damage", [
    lambda good: packed(tarred(*good))[:-8],
    lambda good: packed(tarred(*good)[:1500]),
    lambda good: packed(tarred(*good)) + b"not zstd",
    lambda good: b"not zstd at all",
    lambda good: packed(tarred(*good[:-1])),
], ids=["cut", "cut before packing", "rubbish behind", "rubbish", "one link less"])  # fmt: skip
def test_what_is_not_the_manifests_tree_is_not_put_in_place(arrived, tmp_path, damage):
    order, layout = arrived(damage(GOOD), hash_of(tmp_path, *GOOD))

    with pytest.raises(Refused) as refused:
        unpack_quietly(order, layout)

    assert refused.value.kind == "damaged-archive"
    assert "workshop env pack" in refused.value.next_step
    assert list(layout.environments.iterdir()) == []


def test_what_a_crash_left_is_replaced(arrived, tmp_path):
    order, layout = arrived(packed(tarred(*GOOD)), hash_of(tmp_path, *GOOD))
    for folder in (layout.unfinished, layout.prefix):
        folder.mkdir()
        (folder / "half").write_text(OLD)
    assert not is_whole(order, layout)

    unpack_quietly(order, layout)

    assert is_whole(order, layout)
    assert [path.name for path in layout.environments.iterdir()] == [layout.prefix.name]
    assert not (layout.prefix / "half").exists()
