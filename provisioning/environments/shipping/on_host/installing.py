"""Unpack an archive that is here, try what it is for, and use it from now on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .activating import activate
from .imports import import_failures, missing_libraries
from .marker import is_whole
from .order import Layout, Order
from .unpacking import unpack
from .voice import Refused, Voice

# Other hosts are waiting for chunks from this one; nobody waits for its own files.
_NICENESS = 5


def run(voice: Voice) -> None:
    order = Order.from_line(sys.stdin.buffer.readline())
    os.umask(0o022)
    os.nice(_NICENESS)
    install(order, voice)


def install(order: Order, voice: Voice) -> None:
    """Says "done" and whether anything changed. Raises Refused."""
    layout = Layout.of(order)
    fresh = order.repair or not is_whole(order, layout)
    if fresh:
        unpack(order, layout, lambda files: voice.say("unpacking", files=files))
    voice.say("importing")
    refuse_what_cannot_be_imported(order)
    switched = activate(layout)
    voice.say("done", fresh=fresh, switched=switched)


def refuse_what_cannot_be_imported(order: Order) -> None:
    """Raises Refused("imports") with the modules, and the libraries that the host lacks."""
    prefix = Path(order.prefix)
    if failures := import_failures(prefix / order.python, order.imports):
        told = "; ".join(f"import {each['module']}: {each['error']}" for each in failures)
        raise Refused(
            "imports",
            f"{prefix.name} is there, but not in use, because on this host {told}",
            "see what the module needs of the host, then ship again",
            failures=failures,
            missing=missing_libraries(prefix),
        )
