"""Thresholds of accuracies, measured over seeds by the lab's own margins.py.

    KERNEL_PYTHON margins.py --seeds N      (in the lab's folder)

prints {"what": {"threshold": 0.9, "values": [one for each seed]}}. In a lab that trains it takes
minutes, so it is done on demand, and the figures are kept with a digest of what was measured.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from grader.errors import BadInput, Place, StepFailed

SEEDS = 10
_LONGEST = 3600


class _Printed(BaseModel):
    """What the check demands, and what the reference reached with each seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class Margin:
    """A threshold and what was measured about it, in figures that people read."""

    threshold: float
    least: float
    margin: float
    values: tuple[float, ...]


def measure(folder: Path, python: Path) -> dict[str, Margin]:
    """Run margins.py. Raises StepFailed when it fails, BadInput when it prints something else."""
    command = [str(python), "margins.py", "--seeds", str(SEEDS)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=_LONGEST
    )
    file = folder / "margins.py"
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise StepFailed(f"{file} failed: {last[0]}", next_step=f"try it: {' '.join(command)}")
    try:
        printed = json.loads(done.stdout.strip().splitlines()[-1])
        found = TypeAdapter(dict[str, _Printed]).validate_python(printed)
    except (json.JSONDecodeError, IndexError, ValidationError) as error:
        wanted = 'one JSON object {"what": {"threshold": 0.9, "values": [0.95, ...]}}'
        raise BadInput(Place(file), f"it printed something else: {error}", wanted) from error
    return {what: _margin(each) for what, each in found.items()}


def kept(record: Mapping[str, Any]) -> dict[str, Margin]:
    """Those of a record."""
    return {what: Margin(**each) for what, each in record.get("margins", {}).items()}


def faults(margins: Mapping[str, Margin]) -> Iterator[str]:
    """Too few seeds, or one with which the reference doesn't pass."""
    for what, each in margins.items():
        if len(each.values) < SEEDS:
            yield f"margin of {what}: {len(each.values)} seeds, {SEEDS} are needed"
        elif each.margin <= 0:
            yield f"margin of {what}: {each.least:g} with one seed, {each.threshold:g} needed"


def _margin(printed: _Printed) -> Margin:
    values = tuple(round(value, 4) for value in printed.values)
    least = min(values, default=printed.threshold)
    return Margin(printed.threshold, least, round(least - printed.threshold, 4), values)
