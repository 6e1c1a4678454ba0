"""How much of a long table one run of the tests tries: a part of it, or all.

`make test` must be over while a person still waits. `make thorough` tries everything
(WORKSHOP_THOROUGH=1), also the tests with the marker `thorough`; `make matrices` and
`make prove` try everything of their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

THOROUGH = os.environ.get("WORKSHOP_THOROUGH") == "1"

Row = TypeVar("Row")


def one_in(number: int) -> int:
    """Which point of a table is tried: every `number`-th, or each."""
    return 1 if THOROUGH else number


def part_of(
    rows: Sequence[Row], number: int, *, always: Callable[[Row], bool] = lambda _: False
) -> list[Row]:
    """One row of `number`, and those that are tried always. All of them when it is thorough."""
    step = one_in(number)
    return [row for place, row in enumerate(rows) if place % step == 0 or always(row)]
