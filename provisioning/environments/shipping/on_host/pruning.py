"""Remove versions of an environment that nothing uses, when somebody asks for it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from .activating import target
from .lock import hold
from .voice import Refused, Voice


def run(voice: Voice) -> None:
    """The order is one line: environments, name."""
    order = json.loads(sys.stdin.buffer.readline())
    environments, name = Path(order["environments"]), str(order["name"])
    kept, removed, freed = [], [], 0
    for version in _versions(environments, name):
        why = _in_use(environments, name, version)
        if not why:
            try:
                freed += _remove(environments, version)
            except Refused:
                why = "it is being shipped"
        if why:
            kept.append({"version": version, "why": why})
        else:
            removed.append(version)
    voice.say("pruned", kept=kept, removed=removed, freed=freed)


def _versions(environments: Path, name: str) -> list[str]:
    """Everything that belongs to a version: its files, half of them, its archive."""
    pattern = re.compile(rf"\.?({re.escape(name)}-[0-9a-f]{{12}})(\.new|\.old|-linux-.*)?")
    folders = (environments, environments.parent / "incoming")
    found = [path.name for folder in folders if folder.is_dir() for path in folder.iterdir()]
    return sorted({match[1] for each in found if (match := pattern.fullmatch(each))})


def _in_use(environments: Path, name: str, version: str) -> str:
    if version == target(environments / name):
        return "in use"
    if version == target(environments / f".{name}.previous"):
        return "the one before"
    users = list(_processes(environments / version))
    return f"process {users[0]} runs it" if users else ""


def _processes(prefix: Path) -> Iterator[int]:
    """Processes that have a file of it mapped: its Python, or a library."""
    inside = os.fsencode(prefix) + b"/"
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if inside in (entry / "maps").read_bytes():
                    yield int(entry.name)


def _remove(environments: Path, version: str) -> int:
    """How many bytes that freed. Raises Refused("busy") when it is just being shipped."""
    lock = hold(environments.parent / "run" / f"ship-{version}.lock", 0)
    before = shutil.disk_usage(environments).free
    going = environments / f".{version}.old"
    try:
        shutil.rmtree(going, ignore_errors=True)  # what a killed prune left
        with contextlib.suppress(FileNotFoundError):
            # First out of sight, so that nobody finds half of it.
            (environments / version).rename(going)
        for path in (going, environments / f".{version}.new"):
            shutil.rmtree(path, ignore_errors=True)
        for path in (environments.parent / "incoming").glob(f"{version}-*"):
            path.unlink()
    finally:
        os.close(lock)
    return max(0, shutil.disk_usage(environments).free - before)
