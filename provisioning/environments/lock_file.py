"""A lock as the builder reads it: the exact bytes, the version of every package, what is built."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioning.environments.files import EnvironmentFile, normalised, requirement_name
from provisioning.environments.from_source import NOTHING, FromSource, read_from_source
from provisioning.errors import BadInput, Place


@dataclass(frozen=True)
class LockFile:
    """A lock that fits its environment file."""

    path: Path
    sha256: str
    pins: Mapping[str, str]
    from_source: FromSource = NOTHING

    @property
    def identity(self) -> str:
        """A hash of all that decides what will be installed."""
        tools = self.from_source.lock
        if not tools:
            return self.sha256
        built = f"{self.sha256} {self.from_source.packages} ".encode() + tools.read_bytes()
        return hashlib.sha256(built).hexdigest()


def read_lock_file(file: EnvironmentFile, path: Path) -> LockFile:
    """Read the lock of `file`; BadInput if it is missing or belongs to an older file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        found = f"the lock of {file.source} can't be read ({error.strerror})"
        raise BadInput(Place(path), found, _relock(file)) from error
    pins = {}
    for line in content.decode().splitlines():
        if "==" in line and not line.startswith((" ", "#")):
            name, _, version = line.split()[0].partition("==")
            pins[normalised(name)] = version
    for requirement in file.pip:
        _refuse_drift(file, path, pins, requirement)
    from_source = read_from_source(file.source.parent).among(pins)
    _refuse_missing_tools(file, from_source)
    return LockFile(path, hashlib.sha256(content).hexdigest(), pins, from_source)


def _refuse_missing_tools(file: EnvironmentFile, from_source: FromSource) -> None:
    tools = from_source.lock
    if tools and not tools.exists():
        found = f"the lock of the tools that build {', '.join(from_source.packages)} is missing"
        raise BadInput(Place(tools), found, _relock(file))


def _refuse_drift(
    file: EnvironmentFile, path: Path, pins: Mapping[str, str], requirement: str
) -> None:
    name = requirement_name(requirement)
    _, exact, version = requirement.partition("==")
    fits = name in pins
    if exact and not set(version) & set(" ;,*<>"):
        fits = pins.get(name) == version
    if not fits:
        found = f"has {pins.get(name, 'no version')} where {file.source} asks for {requirement}"
        raise BadInput(Place(path, key=name), found, _relock(file))


def _relock(file: EnvironmentFile) -> str:
    return f"python -m provisioning.environments.lock {file.source}"
