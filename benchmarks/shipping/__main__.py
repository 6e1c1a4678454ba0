"""`python -m benchmarks.shipping`: how fast an environment reaches a class's hosts.

The hosts are network namespaces with an sshd each, every link limited, this machine's as well.
Prints one JSON line on stdout: the seconds of each way (medians of interleaved rounds) and their
ratios; rounds go to stderr. Needs root, and a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.cloud.machines.yard import PlainHost, Yard, namespace_hosts

from .archives import Archives
from .memory import memory_that_stays, write_in_large_pieces
from .surroundings import connect, enter_a_network_of_our_own
from .ways import clean, in_use, received, sequential_sftp, shipped, shipped_with_a_death

#: What the issue wants, and what it would put up with: aim, floor.
AIMS = {
    "times_sequential_sftp": (6.0, 4.0),
    "many_to_few": (1.3, 2.0),
}


def main() -> None:
    options = _options()
    enter_a_network_of_our_own()
    with (
        tempfile.TemporaryDirectory(prefix="workshop-bench-ship-") as folder,
        memory_that_stays(),
        Yard() as yard,
    ):
        archives = Archives(Path(folder), int(options.megabytes * 1e6))
        # In memory, as many disks at once would be one disk here: archive, files, and room.
        disk = int(options.megabytes * 2.2) + 96
        with namespace_hosts(options.many, yard=yard, disk_mb=disk, prefix="ship") as hosts:
            connect(yard, hosts, options.mbit)
            write_in_large_pieces(hosts)
            shipped(archives.another(), hosts)  # whatever is slow once
            clean(hosts)
            rounds = [_round(n, archives, yard, hosts, options) for n in range(options.rounds)]
    print(json.dumps(_result(options, archives.size, rounds)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shipping", description=__doc__)
    parser.add_argument("--megabytes", type=float, default=90, help="size of the archive")
    parser.add_argument("--mbit", type=int, default=200, help="of every link, each way")
    parser.add_argument("--slow-mbit", type=int, default=50, help="of the links of the slow fleets")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--few", type=int, default=8, help="hosts of the small fleet")
    parser.add_argument("--many", type=int, default=50, help="hosts of the large fleet")
    return parser.parse_args()


def _round(
    number: int,
    archives: Archives,
    yard: Yard,
    hosts: Sequence[PlainHost],
    options: argparse.Namespace,
) -> dict[str, float]:
    """Every way once, one after the other, so that a machine that gets busier hurts all alike."""
    few = hosts[: options.few]
    seconds: dict[str, float] = {}
    seconds["sftp_few"] = sequential_sftp(archives.another(), few)
    clean(few)
    seconds["few"] = received(shipped(archives.another(), few))
    clean(few)
    seconds["many"] = received(shipped(archives.another(), hosts))
    clean(hosts)
    seconds["few_one_dies"] = shipped_with_a_death(archives.another(), few, archives.size)
    connect(yard, few, options.mbit)
    clean(few)
    seconds["few_in_use"] = in_use(shipped(archives.another(), few, install=True))
    clean(few)
    connect(yard, hosts, options.slow_mbit)
    seconds["few_slow_links"] = received(shipped(archives.another(), few))
    clean(few)
    seconds["many_slow_links"] = received(shipped(archives.another(), hosts))
    clean(hosts)
    connect(yard, hosts, options.mbit)
    told = ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items())
    print(f"round {number + 1}: {told}", file=sys.stderr)
    return seconds


def _result(
    options: argparse.Namespace, size: int, rounds: list[dict[str, float]]
) -> dict[str, object]:
    medians = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    link = size * 8 / (options.mbit * 1e6)
    ratios = {
        "times_sequential_sftp": medians["sftp_few"] / medians["few"],
        "many_to_few": medians["many"] / medians["few"],
        # The same where 50 hosts on one machine are not held up by its processor.
        "many_to_few_slow_links": medians["many_slow_links"] / medians["few_slow_links"],
        "one_dies_to_few": medians["few_one_dies"] / medians["few"],
        "few_to_one_link": medians["few"] / link,
    }
    return {
        "benchmark": "ship",
        "megabytes": round(size / 1e6, 1),
        "mbit": options.mbit,
        "slow_mbit": options.slow_mbit,
        "few": options.few,
        "many": options.many,
        "rounds": len(rounds),
        "seconds": {name: round(value, 2) for name, value in medians.items()},
        "seconds_of_one_link": round(link, 2),
        "ratios": {name: round(value, 2) for name, value in ratios.items()},
        "aims": {name: {"aim": aim, "floor": floor} for name, (aim, floor) in AIMS.items()},
    }


if __name__ == "__main__":
    main()
