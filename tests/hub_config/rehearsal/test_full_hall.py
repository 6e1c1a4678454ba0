"""A class on many hosts arrives at once: the product's hub, light stand-ins for the servers.

With 300 of them: `python -m benchmarks.seats.three_hundred`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.seats.hall import PROGRAMS, STAND_IN, hall
from benchmarks.seats.three_hundred import full_house, wall_held

SEATS = 24


def test_all_arrive_at_once_and_nobody_sees_an_error(tmp_path: Path) -> None:
    with hall(tmp_path, SEATS) as running:
        found = asyncio.run(full_house(running))
    assert found["troubles"] == []
    assert (found["failures"], found["server_errors"]) == (0, 0)
    assert found["submissions"] == SEATS
    assert wall_held(found)
    # Everybody's way goes through these, and none of them was started anew meanwhile.
    assert set(found["cores_used"]) == {*PROGRAMS, STAND_IN}
    assert min(found["pss_mb"].values()) > 0
