"""A manifest that was written is read; anything else is refused in words."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.environments.manifest import (
    Manifest,
    dump_manifest,
    manifest_for,
    manifest_path,
    parse_manifest,
    write_manifest,
)
from provisioning.errors import BadInput

HASH = "0123456789abcdef" * 4
GOOD = Manifest(
    name="nlp-gpu",
    identity="0123456789ab",
    platform="linux-64-cuda",
    prefix="/opt/workshop/environments/nlp-gpu-0123456789ab",
    python="bin/python",
    lock_sha256=HASH,
    tree_sha256=HASH,
    files=3,
    unpacked_bytes=100,
    archive_bytes=10,
    archive_sha256=HASH,
    imports=("mxnet", "numpy"),
    cuda="12.4",
)


def test_it_is_beside_its_archive_and_read_as_it_was_written(tmp_path: Path) -> None:
    archive = tmp_path / GOOD.archive
    assert archive.name == "nlp-gpu-0123456789ab-linux-64-cuda.tar.zst"

    assert write_manifest(GOOD, tmp_path) == manifest_path(archive)
    assert manifest_for(archive) == GOOD
    assert dump_manifest(manifest_for(archive)) == manifest_path(archive).read_bytes()


def test_a_missing_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"x\.tar\.zst\.json: found no such file"):
        manifest_for(tmp_path / "x.tar.zst")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "../x"),
        ("name", "x\n"),
        ("identity", "0123456789AB"),
        ("platform", "win-64"),
        ("prefix", "/opt/workshop/../../etc/nlp-gpu-0123456789ab"),
        ("prefix", "/opt/$(id)/nlp-gpu-0123456789ab"),
        ("prefix", "/opt/workshop/environments/other-0123456789ab"),
        ("prefix", "nlp-gpu-0123456789ab"),
        ("python", "../bin/python"),
        ("python", "/usr/bin/python"),
        ("tree_sha256", HASH[:-1]),
        ("archive_bytes", -1),
        ("archive_bytes", "10"),
        ("imports", ["os; import x"]),
        ("imports", "numpy"),
        ("cuda", "12.4; x"),
        ("unknown", 1),
    ],
)
def test_a_value_that_could_do_harm_is_refused(key: str, value: object) -> None:
    with pytest.raises(BadInput) as caught:
        parse_manifest(json.dumps({**asdict(GOOD), key: value}), Path("m.json"))
    assert caught.value.next_step == "pack the environment again: `workshop env pack`"


@given(
    st.text(max_size=50) | st.integers(0, 500).map(lambda cut: dump_manifest(GOOD)[:cut].decode())
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_manifest(text, Path("m.json"))
