"""`python -m benchmarks.seats.three_hundred`: 300 seats against the real hub, on stand-in servers.

Everybody arrives at the same moment. Prints one JSON line: how long it took, what the hub, the
proxy, the exchange and the wall used, and every answer that was an error (0 expected).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.seats.hall import Hall, hall
from benchmarks.seats.wall_watcher import watching
from hub_config.rehearsal.journey import Journey
from hub_config.rehearsal.load import Load, LoadMeter
from hub_config.rehearsal.outcome import stage_times, to_first_cell
from hub_config.rehearsal.troubles import troubles
from hub_config.rehearsal.visits import everybody

SEATS = 300


def main() -> int:
    """0 when nobody saw a failure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seats.three_hundred")
    parser.add_argument("--seats", type=int, default=SEATS)
    seats = parser.parse_args().seats
    with (
        tempfile.TemporaryDirectory(prefix="workshop-hall-") as scratch,
        hall(Path(scratch), seats) as running,
    ):
        found = asyncio.run(full_house(running))
    print(json.dumps(found))
    return 0 if found["failures"] == 0 and found["server_errors"] == 0 and wall_held(found) else 1


async def full_house(running: Hall) -> dict[str, Any]:
    """Everybody at once; what came of it."""
    meter = LoadMeter(lambda: running.processes)
    used = time.process_time()
    began = time.monotonic()
    watching_it = watching(running.settings.address, running.instructor_code)
    async with watching_it as watched, meter.measuring():
        journeys = await everybody(running.visit, running.guests, _say)
        seconds = time.monotonic() - began
    return {
        "seats": len(running.guests),
        "seconds": round(seconds, 1),
        **_failures(journeys),
        "submissions": running.submissions(),
        "wall": watched.as_json(),
        **_times(journeys),
        **_loads(meter.read()),
        "robots_cpu_s": round(time.process_time() - used, 1),
        "robots_mb": round(psutil.Process().memory_full_info().pss / 1e6),
    }


def wall_held(found: dict[str, Any]) -> bool:
    """It was asked, and answered with news or "nothing new" every time."""
    return bool(found["wall"]["asked"]) and set(found["wall"]["statuses"]) <= {"200", "304"}


def _failures(journeys: tuple[Journey, ...]) -> dict[str, Any]:
    groups = troubles(journeys)
    return {
        "failures": sum(each.count for each in groups),
        "server_errors": sum(each.server_errors for each in journeys),
        "troubles": [f"{each.count} at {each.stage}: {each.said}" for each in groups],
    }


def _times(journeys: tuple[Journey, ...]) -> dict[str, Any]:
    whole = to_first_cell(journeys)
    shown = (*stage_times(journeys), *((whole,) if whole else ()))
    return {
        "p50_s": {each.stage: round(each.p50, 2) for each in shown},
        "p95_s": {each.stage: round(each.p95, 2) for each in shown},
    }


def _loads(load: Load) -> dict[str, Any]:
    return {
        "machine_busy": round(load.busy, 2),
        "cores_used": {each.name: round(each.cores, 2) for each in load.programs},
        "pss_mb": {each.name: round(each.megabytes) for each in load.programs},
    }


def _say(_stage: str, done: int, total: int, note: str) -> None:
    if done % 25 == 0 or not note.endswith("done"):
        print(f"{done} of {total}: {note}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
