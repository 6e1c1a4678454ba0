"""What says that an environment was unpacked to its end, and from which tree."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from . import tree
from .order import Layout, Order


def is_whole(order: Order, layout: Layout) -> bool:
    """Whether the prefix was completed, from the same tree (its files are not looked at)."""
    return marker_of(layout.prefix).get("tree_sha256") == order.tree_sha256


def marker_of(prefix: Path) -> dict[str, object]:
    """What the marker of a completed environment says; empty when there is none."""
    with contextlib.suppress(OSError, ValueError):
        facts = json.loads((prefix / tree.MARKER).read_bytes())
        if isinstance(facts, dict):
            return facts
    return {}
