"""The Arm side gets the TVM of the notebooks' lock, hashes included."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from provisioning.arm.root import WHEELS, locked_wheels
from provisioning.errors import BadInput

LOCK = Path(__file__).parents[3] / "environments/deploy.lock"


def test_both_ends_have_the_same_tvm():
    here = LOCK.read_text()
    there = locked_wheels(LOCK)
    assert {entry for entry in there.splitlines() if "==" in entry} <= set(here.splitlines())
    assert [entry.partition("==")[0] for entry in there.splitlines() if "==" in entry] == [*WHEELS]


def test_every_wheel_has_its_hashes():
    lines = locked_wheels(LOCK).splitlines()
    followers = [after for line, after in pairwise(lines) if "==" in line]
    assert len(followers) == len(WHEELS)
    assert all(after.strip().startswith("--hash=sha256:") for after in followers)


def test_a_lock_without_tvm_is_refused_with_what_to_write(tmp_path):
    lock = tmp_path / "other.lock"
    lock.write_text("numpy==1.23.5 \\\n    --hash=sha256:00\n")
    with pytest.raises(BadInput, match=r"has no apache-tvm, .*") as refused:
        locked_wheels(lock)
    assert "apache-tvm" in refused.value.write
