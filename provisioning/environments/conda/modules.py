"""Which modules an environment was asked for, found without running it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from provisioning.environments.conda.lock_file import CondaLock
from provisioning.environments.files import normalised


def asked_modules(lock: CondaLock, site_packages: Path) -> tuple[str, ...]:
    """The modules to import as a proof that the environment works."""
    found = {module for each in _asked(lock, site_packages) for module in _modules(each)}
    return tuple(sorted(found))


def _asked(lock: CondaLock, site_packages: Path) -> Iterator[Distribution]:
    asked = {normalised(name) for name in lock.asked} - {"pip", "python"}
    for found in distributions(path=[str(site_packages)]):
        if normalised(found.name) in asked:
            yield found


def _modules(distribution: Distribution) -> Iterator[str]:
    declared = (distribution.read_text("top_level.txt") or "").split()
    for name in declared or _inferred(distribution):
        if name.isidentifier() and name.isascii() and not name.startswith("_"):
            yield name


def _inferred(distribution: Distribution) -> Iterator[str]:
    for path in distribution.files or ():
        if path.suffix == ".py" and path.parts[0] != "..":
            yield path.parts[0] if len(path.parts) > 1 else path.stem
