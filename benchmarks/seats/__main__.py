"""`python -m benchmarks.seats`: what a seat costs and how soon a class works, on two cores.

Fifty robots arrive at once; when all have run their first MXNet cell, their servers and kernels
are looked at. Then they come one after the other, at a pace. Then a few sit in servers that
JupyterHub's plain LocalProcessSpawner starts. One JSON line on stdout, progress on stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.seats.costs import Costs, read_costs
from benchmarks.seats.house import House, house
from hub_config.rehearsal.journey import Journey
from hub_config.rehearsal.outcome import stage_times, to_first_cell
from hub_config.rehearsal.rehearse import RehearsalOrder, guests_of, visit_of
from hub_config.rehearsal.robot_seats import RobotSeats
from hub_config.rehearsal.troubles import troubles
from hub_config.rehearsal.visits import CELL, Guest, everybody
from hub_config.settings import Secrets
from hub_config.up import hub_api

CORES = 2
#: Shared with the tests, so that environments are built once.
STATE = Path("/var/tmp/workshop-tests")
AIMS = {"cpu_s": 0.8, "mb": 130, "all_at_once_s": 60, "paced_p95_s": 5}
FLOORS = {"cpu_s": 2.0, "mb": 200, "all_at_once_s": 150}
Found = dict[str, Any]


@dataclass(frozen=True)
class Round:
    """How many robots, over how long, and whether all stop after the first cell to be weighed."""

    name: str
    seats: int
    over: float = 0.0
    weigh: bool = True


def main() -> int:
    """0 when no robot saw a failure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seats", description=__doc__)
    parser.add_argument("--seats", type=int, default=50)
    parser.add_argument("--plain", type=int, default=8, help="seats of the plain spawner")
    parser.add_argument("--pace", type=float, default=2.0, help="seconds between two arrivals")
    parser.add_argument("--state", type=Path, default=STATE)
    options = parser.parse_args()
    usable = sorted(os.sched_getaffinity(0))[:CORES]
    os.sched_setaffinity(0, usable)
    paced = options.pace * options.seats
    with house(options.state) as here:
        warm = play(here, Round("warm", options.seats))
        pace = play(here, Round("paced", options.seats, paced, weigh=False))
        here.start_plainly_from_now_on()
        plain = play(here, Round("plain", options.plain))
    print(json.dumps(_report((warm, pace, plain), len(usable))))
    return 0 if not any(each["failures"] for each in (warm, pace, plain)) else 1


def _report(rounds: tuple[Found, Found, Found], cores: int) -> Found:
    warm, pace, plain = rounds
    return {
        "seats": warm["seats"],
        "failures": sum(each["failures"] for each in rounds),
        "cpu_s": warm["cpu_s"],
        "mb": warm["mb"],
        "all_at_once_s": warm["all_at_once_s"],
        "paced_p95_s": pace["code_to_first_cell_p95_s"],
        "plain_cpu_s": plain["cpu_s"],
        "plain_mb": plain["mb"],
        "aims": AIMS,
        "floors": FLOORS,
        "cores": cores,
        "load": os.getloadavg()[0],
        "rounds": rounds,
    }


def play(here: House, wanted: Round) -> Found:
    """One round, in robots' seats of its own."""
    print(f"round {wanted.name}: {wanted.seats} seats", file=sys.stderr)
    desk, settings = here.desk, here.settings
    secrets = Secrets.model_validate_json(settings.secrets_file.read_text())
    seats = RobotSeats(desk, settings, hub_api(settings, secrets), _say)
    order = RehearsalOrder(seats=wanted.seats, over=wanted.over)
    with seats.open(wanted.seats) as codes:
        uids = here.uids([each.seat.username for each in codes])
        scale = _Scale(settings.state_home, uids, wanted.seats if wanted.weigh else 0)
        visit = visit_of(desk, settings, order, scale.pause if wanted.weigh else None)
        used, began = time.process_time(), time.monotonic()
        journeys = asyncio.run(_attended(scale, visit, guests_of(codes, order)))
        seconds, used = time.monotonic() - began, time.process_time() - used
        after = read_costs(settings.state_home, uids)
    robots = {
        "robots_cpu_s": round(used, 1),
        "robots_share_of_a_core": round(used / seconds, 2),
        "robots_mb": round(psutil.Process().memory_full_info().pss / 1e6),
    }
    weighed = scale.found or after
    return {
        "round": wanted.name,
        "seats": wanted.seats,
        **_failures(journeys),
        **_times(journeys),
        **_per_seat(scale.before, weighed, wanted.seats),
        **robots,
    }


async def _attended(scale: _Scale, visit: Any, guests: tuple[Guest, ...]) -> tuple[Journey, ...]:
    scale.before = read_costs(scale.state_home, scale.uids)
    return await everybody(visit, guests, _say)


class _Scale:
    """Everybody waits after the first cell until all are there; then the house is weighed."""

    def __init__(self, state_home: Path, uids: frozenset[int], people: int) -> None:
        self.state_home, self.uids = state_home, uids
        self.before = read_costs(state_home, uids)
        self.found: Costs | None = None
        self._missing = people
        self._open = asyncio.Event()

    async def pause(self) -> None:
        """A robot that got stuck never comes here: nobody waits for it for long."""
        self._missing -= 1
        if self._missing == 0:
            self.found = read_costs(self.state_home, self.uids)
            self._open.set()
        try:
            await asyncio.wait_for(self._open.wait(), 300)
        except TimeoutError:
            self._open.set()


def _failures(journeys: tuple[Journey, ...]) -> Found:
    groups = troubles(journeys)
    return {
        "failures": sum(each.count for each in groups),
        "troubles": [f"{each.count} at {each.stage}: {each.said}" for each in groups],
    }


def _times(journeys: tuple[Journey, ...]) -> Found:
    whole = to_first_cell(journeys)
    ends = [step.ended for each in journeys for step in each.steps if step.name == CELL]
    begins = min(each.arrived for each in journeys)
    return {
        "all_at_once_s": round(max(ends) - begins, 1) if ends else None,
        "code_to_first_cell_p50_s": round(whole.p50, 2) if whole else None,
        "code_to_first_cell_p95_s": round(whole.p95, 2) if whole else None,
        "p95_s": {each.stage: round(each.p95, 2) for each in stage_times(journeys)},
    }


def _per_seat(before: Costs, after: Costs, seats: int) -> Found:
    """`cpu_s`: the server, the kernel and what started them; hub, proxy and exchange beside it."""
    own = after.seats - before.seats + after.service - before.service
    hub, others = after.hub - before.hub, after.others - before.others
    return {
        "cpu_s": round(own / seats, 2),
        "hub_cpu_s": round(hub / seats, 2),
        "others_cpu_s": round(others / seats, 2),
        "mb": round(after.megabytes / seats),
        "service_mb": round(after.service_megabytes),
        "processes": round(after.processes / seats, 1),
    }


def _say(stage: str, done: int, total: int, note: str = "") -> None:
    if done == total or done % 10 == 0 or "stuck" in note:
        print(f"  {stage} {done} of {total} {note}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
