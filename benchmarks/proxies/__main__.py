"""`python -m benchmarks.proxies --node PATH --python PATH --traefik PATH`

Prints one JSON line on stdout (promises kept, medians, ratios to the first proxy) and a table on
stderr. Everything runs on loopback, in a scratch folder, and ends with the command.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path

from .classroom import Figures, morning
from .contenders import KINDS, Proxy
from .promises import Verdicts, promises

PASSES = 3
# No further pass is begun that would end later than this: a busy machine gets fewer.
PASSES_SECONDS = 210.0


def main() -> None:
    """Compare the proxies whose executables are given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proxies", description=__doc__)
    for name in KINDS:
        parser.add_argument(f"--{name}", type=Path, help=f"the executable of the {name} proxy")
    parser.add_argument("--passes", type=int, default=PASSES)
    options = vars(parser.parse_args())
    executables = {name: options[name].absolute() for name in KINDS if options[name]}
    if not executables:
        parser.error("name at least one executable")
    with tempfile.TemporaryDirectory(prefix="workshop-proxies-") as scratch:
        compared = asyncio.run(compare(executables, Path(scratch), options["passes"]))
    print(json.dumps(compared))


async def compare(executables: dict[str, Path], scratch: Path, passes: int) -> dict[str, object]:
    """Promises side by side (they mostly wait), then the passes; medians and their ratios."""
    kept = await asyncio.gather(
        *(promises(_new(name, executables, scratch, "promises")) for name in executables)
    )
    seen = await _interleaved(executables, scratch, passes)
    medians = {name: _medians(runs) for name, runs in seen.items()}
    verdicts = dict(zip(executables, kept, strict=True))
    _print_table(verdicts, medians)
    first = next(iter(medians))
    return {
        "passes": len(seen[first]),
        "promises": verdicts,
        "medians": medians,
        f"ratios_to_{first}": {
            name: _ratios(figures, medians[first]) for name, figures in medians.items()
        },
    }


async def _interleaved(
    executables: dict[str, Path], scratch: Path, passes: int
) -> dict[str, list[Figures]]:
    """One proxy at a time, in turn, so that a machine that gets busier hurts all alike."""
    seen: dict[str, list[Figures]] = {name: [] for name in executables}
    began = time.monotonic()
    for number in range(passes):
        for name in executables:
            proxy = _new(name, executables, scratch, f"pass{number}")
            seen[name].append(await morning(proxy))
        spent = time.monotonic() - began
        print(f"pass {number + 1} of {passes} after {spent:.0f} s", file=sys.stderr)
        if spent * (number + 2) / (number + 1) > PASSES_SECONDS:
            break
    return seen


def _new(name: str, executables: dict[str, Path], scratch: Path, run: str) -> Proxy:
    folder = scratch / run / name
    folder.mkdir(parents=True)
    return KINDS[name](executables[name], folder)


def _medians(runs: list[Figures]) -> Figures:
    return {key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]}


def _ratios(figures: Figures, base: Figures) -> dict[str, float | None]:
    return {
        key: round(value / base[key], 2) if base[key] > 0 and math.isfinite(value) else None
        for key, value in figures.items()
    }


def _print_table(verdicts: dict[str, Verdicts], medians: dict[str, Figures]) -> None:
    names = list(medians)
    rows = [["", *names]]
    for promise in verdicts[names[0]]:
        rows.append([promise, *("yes" if verdicts[n][promise] else "NO" for n in names)])
    for key in medians[names[0]]:
        rows.append([key, *(f"{medians[n][key]:.2f}" for n in names)])
    for first, *cells in rows:
        print(f"{first:32}" + "".join(f"{cell:>12}" for cell in cells), file=sys.stderr)


if __name__ == "__main__":
    main()
