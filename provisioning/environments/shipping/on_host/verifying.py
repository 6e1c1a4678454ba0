"""Look at an environment on this host, and change nothing."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from . import tree
from .activating import target
from .drift import differences, expected_lines, loose_files, report
from .imports import import_failures, missing_libraries, pip_check
from .marker import marker_of
from .voice import Voice


def run(voice: Voice) -> None:
    """The order is one line: environments, name, identity, tree_sha256, python, imports, and
    which of "tree", "imports" and "pip" to look at."""
    order = json.loads(sys.stdin.buffer.readline())
    environments = Path(order["environments"])
    facts: dict[str, Any] = {
        "machine": os.uname().machine,
        "versions": versions(environments, order["name"]),
        "current": target(environments / order["name"]),
        "previous": target(environments / f".{order['name']}.previous"),
    }
    prefix = environments / f"{order['name']}-{order['identity']}"
    marker = marker_of(prefix)
    facts["complete"] = marker.get("tree_sha256") == order["tree_sha256"]
    if prefix.is_dir():
        facts.update(_looked_at(prefix, order, set(order["look"])))
    voice.say("verified", **facts)


def versions(environments: Path, name: str) -> list[str]:
    """The completed versions of an environment on this host, by the names of their folders."""
    pattern = re.compile(re.escape(name) + "-[0-9a-f]{12}")
    found = [path.name for path in environments.glob(f"{name}-*") if marker_of(path)]
    return sorted(each for each in found if pattern.fullmatch(each))


def _looked_at(prefix: Path, order: dict[str, Any], look: set[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    python = prefix / order["python"]
    if "tree" in look:
        facts["drift"] = _drift(prefix, order["tree_sha256"])
        # Everything is as it was packed if root alone can write; other owners were never so.
        facts["loose"] = loose_files(prefix) if os.geteuid() == 0 else []
    if "imports" in look:
        facts["failures"] = import_failures(python, tuple(order["imports"]))
        facts["missing"] = missing_libraries(prefix) if facts["failures"] else []
    if "pip" in look:
        facts["pip"] = pip_check(python, prefix)
    return facts


def _drift(prefix: Path, tree_sha256: str) -> dict[str, Any] | None:
    """None: every file is as it was packed. `unknown` when the listing itself was changed."""
    found = list(tree.listing(prefix))
    if tree.tree_sha256(found) == tree_sha256:
        return None
    expected = expected_lines(prefix, tree_sha256)
    if expected is None:
        return {**report(()), "unknown": True}
    return {**report(differences(expected, found)), "unknown": False}
