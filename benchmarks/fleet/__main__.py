"""`python -m benchmarks.fleet [--hosts 50] [--rounds 3]`: how soon a whole fleet is ready.

The hosts are network namespaces with an sshd each, ordered through an EC2 API that lets every
one be `pending` for 5 to 15 seconds (drawn, the same in every run). Prints one JSON line on
stdout: `ratio` is the time until all hosts are ready over the time of the slowest host, from its
own order to ready (medians of the rounds); `ratio_to_one_alone` is over a fleet of one host with
the longest wait. Rounds go to stderr. Needs root, and a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.fleet.rounds import Round, bring_up

AIM, FLOOR = 1.5, 2.5
#: Its first draw is 14.9 of 15 seconds: the host that is alone waits as long as any other.
SLOW_SEED = 153


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--hosts", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    fleets: list[Round] = []
    singles: list[Round] = []
    for number in range(options.rounds):
        singles.append(_measure(1, SLOW_SEED))
        fleets.append(_measure(options.hosts, number + 1))
        _say(f"round {number + 1}: {_told(fleets[-1])}; one alone: {_told(singles[-1])}")
    print(json.dumps(_result(options.hosts, fleets, singles)))


def _measure(hosts: int, seed: int) -> Round:
    with tempfile.TemporaryDirectory(prefix="workshop-bench-fleet-") as folder:
        return bring_up(hosts, seed, Path(folder))


def _result(hosts: int, fleets: list[Round], singles: list[Round]) -> dict[str, object]:
    together, alone = _medians(fleets), _medians(singles)
    ratios = [each.ready / each.slowest_host for each in fleets]
    return {
        "benchmark": "fleet",
        "hosts": hosts,
        "rounds": len(fleets),
        "ratio": round(statistics.median(ratios), 2),
        "ratios": [round(each, 2) for each in ratios],
        "aim": AIM,
        "floor": FLOOR,
        "ratio_to_one_alone": round(together["ready"] / alone["ready"], 2),
        "seconds": together,
        "seconds_of_one_alone": alone,
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
    }


def _medians(rounds: list[Round]) -> dict[str, float]:
    found = [dataclasses.asdict(each) for each in rounds]
    return {name: round(statistics.median(each[name] for each in found), 2) for name in found[0]}


def _told(each: Round) -> str:
    return ", ".join(f"{name} {value:.2f} s" for name, value in dataclasses.asdict(each).items())


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
