"""`python -m benchmarks.grading [--python KERNEL_PYTHON] [--rounds 3] [--light 24] [--mx 24]`

Prints one JSON line on stdout: how many times faster `workshop grade` is than nbgrader's own
in-process batch Autograde, and where its time goes; progress and a table on stderr. The two run
in turn on the same submissions and the same two cores, each time in a process of its own whose
clock starts when everything is imported. The workshop's share holds the start of its warm
process and the canary.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioning.environments.build import ensure_environment
from provisioning.environments.files import read_environment_file
from provisioning.interpreter import find_interpreter

from .classroom import Classroom

PROJECT = Path(__file__).parents[2]
#: Shared with the tests, so that it is built once.
BUILT = Path("/var/tmp/workshop-tests/environments")
CORES = 2
AIMS = {"light": 10, "mxnet": 7, "unchanged": 100}
FLOORS = {"light": 6, "mxnet": 4, "unchanged": 25}
Run = dict[str, Any]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grading", description=__doc__)
    parser.add_argument("--python", type=Path, help="of the kernel environment; else it is built")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--light", type=int, default=24, help="submissions of the numpy lab")
    parser.add_argument("--mx", type=int, default=24, help="submissions of the lab that trains")
    parser.add_argument(
        "--minutes", type=float, default=15.0, help="begin no round that would end later"
    )
    options = parser.parse_args()
    usable = sorted(os.sched_getaffinity(0))[:CORES]
    os.sched_setaffinity(0, usable)
    with tempfile.TemporaryDirectory(prefix="bench-grading-") as scratch:
        bench = Bench(Path(scratch), (options.python or kernel_python()).absolute())
        rooms = {
            "light": bench.room("light", options.light),
            "mxnet": bench.room("mx", options.mx),
        }
        rounds = bench.rounds(rooms, options.rounds, options.minutes * 60)
        parts = {name: bench.breakdown(room) for name, room in rooms.items()}
    found = {name: _summary(rounds[name]) for name in rounds}
    _print_table(found)
    report = {
        "ratios": {name: each["ratio"] for name, each in found.items()},
        "ratios_of_cpu": {name: each["ratio_of_cpu"] for name, each in found.items()},
        "aims": AIMS,
        "floors": FLOORS,
        "cores": len(usable),
        "load": os.getloadavg()[0],
        **found,
        "seconds_per_submission_by_part": parts,
    }
    print(json.dumps(report))


def kernel_python() -> Path:
    """The course's own environment: $WORKSHOP_NLP_PYTHON, else built from its lock."""
    if chosen := os.environ.get("WORKSHOP_NLP_PYTHON"):
        return Path(chosen)
    file = read_environment_file(PROJECT / "environments" / "nlp-cpu.yml")
    BUILT.mkdir(parents=True, exist_ok=True)
    return ensure_environment(file, file.lock, BUILT, interpreter=find_interpreter()).python


@dataclass(frozen=True)
class Bench:
    """Runs contenders below a scratch folder."""

    scratch: Path
    python: Path

    def room(self, lab: str, count: int) -> Classroom:
        """A class that has handed in, to be copied for each run."""
        _say(f"preparing {lab}: {count} submissions")
        room = Classroom(self.scratch / f"room-{lab}", lab, self.python, count)
        room.folder.mkdir()
        room.make()
        return room

    def rounds(
        self, rooms: dict[str, Classroom], count: int, seconds: float
    ) -> dict[str, list[dict[str, Run]]]:
        """Per figure, the runs of nbgrader and of the workshop in each round."""
        seen: dict[str, list[dict[str, Run]]] = {name: [] for name in (*rooms, "unchanged")}
        began = time.monotonic()
        for number in range(count):
            for name, room in rooms.items():
                fresh, again = self._round(room, number, unchanged=name == "light")
                seen[name].append(fresh)
                if again:
                    seen["unchanged"].append(again)
            spent = time.monotonic() - began
            _say(f"round {number + 1} of {count} after {spent:.0f} s")
            if spent * (number + 2) / (number + 1) > seconds:
                break
        return seen

    def _round(
        self, room: Classroom, number: int, *, unchanged: bool
    ) -> tuple[dict[str, Run], dict[str, Run]]:
        """Everybody once, and, for `unchanged`, once more on what is there then."""
        fresh: dict[str, Run] = {}
        again: dict[str, Run] = {}
        order = ("nbgrader", "workshop")
        copies = {who: room.copy_to(self.scratch / f"run-{who}") for who in order}
        for who in order if number % 2 == 0 else reversed(order):
            fresh[who] = self._run(who, copies[who])
            if unchanged:
                again[who] = self._run(who, copies[who])
        if unchanged:
            again["nbgrader skipping"] = self._run("nbgrader-skipping", copies["nbgrader"])
        for copy in copies.values():
            shutil.rmtree(copy.folder)
        return fresh, again

    def breakdown(self, room: Classroom) -> dict[str, float]:
        """Seconds per submission by part, with clocks around the parts."""
        copy = room.copy_to(self.scratch / "run-parts")
        parts = self._run("workshop", copy, "--breakdown")["parts"]
        shutil.rmtree(copy.folder)
        return {part: round(seconds / room.count, 4) for part, seconds in parts.items()}

    def _run(self, who: str, room: Classroom, *options: str) -> Run:
        command = [sys.executable, "-m", "benchmarks.grading.contenders", who, room.lab]
        command += [str(room.count), str(room.python), str(room.folder), *options]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{who} failed:\n{done.stderr[-3000:]}")
        run: Run = {"count": room.count, **json.loads(done.stdout.splitlines()[-1])}
        _say(f"  {room.lab} {who}: {run['graded']['wall'] / room.count * 1000:.0f} ms each")
        return run


def _summary(rounds: list[dict[str, Run]]) -> dict[str, Any]:
    """Medians over the rounds; ratios are taken round by round."""
    wall, cpu = _ratios(rounds, "graded", "wall"), _ratios(rounds, "graded", "cpu")
    found: dict[str, Any] = {
        "ratio": _median(wall),
        "ratio_of_cpu": _median(cpu),
        "ratio_with_feedback": _median(_ratios(rounds, "with_feedback", "wall")),
        "rounds": [round(each, 2) for each in wall],
        "submissions": rounds[0]["workshop"]["count"],
        "differing_scores": max(_differing(each) for each in rounds),
    }
    for who in rounds[0]:
        runs = [each[who] for each in rounds]
        for what in ("wall", "cpu"):
            values = [run["graded"][what] and run["graded"][what] / run["count"] for run in runs]
            found[f"{who}: {what} seconds each"] = _median(values, 4)
    return found


def _ratios(rounds: list[dict[str, Run]], stage: str, what: str) -> list[float]:
    pairs = [(each["nbgrader"][stage][what], each["workshop"][stage][what]) for each in rounds]
    return [theirs / ours for theirs, ours in pairs if theirs and ours]


def _differing(runs: dict[str, Run]) -> int:
    """Cells that got another score than from nbgrader."""
    pairs = zip(runs["nbgrader"]["scores"], runs["workshop"]["scores"], strict=True)
    return sum(theirs != ours for theirs, ours in pairs)


def _median(values: list[Any], digits: int = 2) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), digits) if known else None


def _print_table(found: dict[str, dict[str, Any]]) -> None:
    _say(f"{'':12}{'ratio':>8}{'of CPU':>8}{'aim':>8}{'floor':>8}")
    for name, each in found.items():
        cells = (each["ratio"], each["ratio_of_cpu"], AIMS[name], FLOORS[name])
        _say(f"{name:12}" + "".join(f"{cell if cell is not None else '-':>8}" for cell in cells))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
