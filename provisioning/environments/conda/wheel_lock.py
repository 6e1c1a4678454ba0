"""Lock the pip section of a conda environment file, for the platform and Python of its lock.

What the channels provide already is not installed once more: its version binds the pip
section, and it is left out of it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioning.environments.conda.lock_file import CondaLock, CondaPackage, Wheel, lock_path
from provisioning.environments.conda.platforms import Platform
from provisioning.environments.files import EnvironmentFile, normalised
from provisioning.environments.from_source import read_from_source
from provisioning.environments.lock import Target, Wanted, lock, resolve
from provisioning.errors import StepFailed

_ENTRY = re.compile(r"([A-Za-z0-9._-]+)==([^\s;]+)(?: ; ([^\\]*?))?((?:\s+--hash=sha256:\S+)+)")
_HASH = re.compile(r"--hash=sha256:(\S+)")


@dataclass(frozen=True)
class LockedWheels:
    """What pip would install; which of it is built from source, and by which tools."""

    wheels: tuple[Wheel, ...] = ()
    sources: tuple[str, ...] = ()
    tools: tuple[Wheel, ...] = ()


def lock_wheels(
    file: EnvironmentFile,
    platform: Platform,
    packages: Sequence[CondaPackage],
    previous: CondaLock | None,
) -> LockedWheels:
    """Every package of the pip section with the hashes of its files.

    Raises BadInput when nothing satisfies it, StepFailed when the index can't be reached.
    """
    if not file.pip:
        return LockedWheels()
    from_source = read_from_source(file.source.parent)
    if from_source.lock:  # first, for a source says what it needs only when it is run
        lock(Wanted(from_source.tools), from_source.lock)
    provided = {normalised(package.name): package for package in packages if package.for_python}
    python = next(package.version for package in packages if package.name == "python")
    with tempfile.TemporaryDirectory(prefix="workshop-lock-") as folder:
        constraints = Path(folder, "provided.txt")
        lines = (f"{name}=={package.version}\n" for name, package in provided.items())
        constraints.write_text("".join(lines))
        wanted = Wanted(
            file.pip,
            file.overrides,
            (constraints,),
            from_source,
            Target(platform.wheels, python, tuple(provided)),
        )
        content = resolve(wanted, lock_path(file, platform), _as_text(previous)).decode()
    wheels = parse_wheels(content)
    built = from_source.among(wheel.name for wheel in wheels)
    tools = parse_wheels(built.lock.read_text()) if built.lock else ()
    return LockedWheels(wheels, built.packages, tools)


def parse_wheels(text: str) -> tuple[Wheel, ...]:
    """The entries of a lock as uv writes it."""
    entries = text.replace("\\\n", " ").splitlines()
    return tuple(_wheel(line.strip()) for line in entries if line.strip())


def requirements(wheels: Sequence[Wheel]) -> str:
    """The same entries for uv to read, one a line."""
    return "".join(f"{wheel.requirement}\n" for wheel in wheels)


def _as_text(previous: CondaLock | None) -> bytes | None:
    return requirements(previous.wheels).encode() if previous else None


def _wheel(line: str) -> Wheel:
    match = _ENTRY.fullmatch(line)
    if match is None:
        raise StepFailed(
            f"uv locked something that has no name, version and hash: {line[:200]}",
            next_step="ask for packages by name and version only",
        )
    name, version, marker, hashes = match.groups()
    return Wheel(
        name=normalised(name),
        version=version,
        marker=(marker or "").strip(),
        sha256=tuple(sorted(_HASH.findall(hashes))),
    )
