"""Runs one task on this host: an order on standard input, JSON lines on standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable

from .voice import Refused, Voice


def main(arguments: list[str]) -> None:
    voice = Voice()
    try:
        _task(arguments[0])(voice)
    except Refused as refusal:
        voice.refuse(refusal)
    except BrokenPipeError:  # the controller is gone: what is here is kept for the next ship
        pass


def _task(name: str) -> Callable[[Voice], None]:
    # Each needs other parts of the standard library: 50 hosts in a bench notice.
    if name == "ship":
        from .receiving import run
    elif name == "install":
        from .installing import run
    elif name == "verify":
        from .verifying import run
    elif name == "prune":
        from .pruning import run
    else:
        sys.exit(f"there is no task {name!r}")
    return run
