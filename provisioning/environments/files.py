"""A conda environment file (environments/*.yml), read with the line of every mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from provisioning.errors import BadInput, Place
from provisioning.text_file import read_text
from provisioning.yaml_document import Location, YamlDocument, dotted, parse_yaml

_KEYS = ("name", "channels", "dependencies")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_PYTHON = re.compile(r"python\s*={1,2}\s*(3\.\d+)(?:\.\*)?")
# A requirement by name. Options (-r, -e, --index-url) and addresses would let a lock
# depend on something other than a package index.
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[^\]]*\])?\s*([<>=!~;].*)?")

_EXAMPLE = """write at least:
name: nlp-cpu
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
      - numpy==1.23.5"""


@dataclass(frozen=True)
class EnvironmentFile:
    """What a conda environment file asks for."""

    source: Path
    name: str
    python: str
    pip: tuple[str, ...]
    conda: tuple[str, ...]
    channels: tuple[str, ...]
    #: What it asks of its channels, python and pip included, as written.
    specs: tuple[str, ...] = ()

    @property
    def pip_only(self) -> bool:
        """It asks for nothing but python, pip and a pip section, so no channel is needed."""
        return not self.conda

    @property
    def lock(self) -> Path:
        """Where the hash lock of this file lives: beside it."""
        return self.source.with_suffix(".lock")

    @property
    def overrides(self) -> Path | None:
        """Requirements that replace what packages ask for, where such a file is beside it."""
        path = self.source.with_suffix(".overrides.txt")
        return path if path.exists() else None

    def asks_for(self, package: str) -> bool:
        """Whether the pip section names `package` itself."""
        return normalised(package) in {requirement_name(line) for line in self.pip}


def normalised(package: str) -> str:
    """One spelling for a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", package).lower()


def requirement_name(requirement: str) -> str:
    """The package that a requirement such as `numpy==1.23.5` names."""
    return normalised(re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0])


def read_environment_file(path: Path) -> EnvironmentFile:
    """Read `path`; BadInput names the file, the line and the key of what is wrong."""
    return _Reading(path, parse_yaml(path, read_text(path, most_bytes=64 * 1024))).file()


@dataclass(frozen=True)
class _Reading:
    """Checks the document part by part. Conda's own form is looser than a model can say:
    a dependency is a line of text, or a mapping with a pip section."""

    path: Path
    document: YamlDocument

    def file(self) -> EnvironmentFile:
        self._check_keys()
        conda: list[str] = []
        pip: list[str] = []
        for at, item in self._items(("dependencies",), self.document.data["dependencies"]):
            if isinstance(item, dict):
                pip.extend(self._pip_section(at, item))
            else:
                conda.append(self._text(at, item))
        return EnvironmentFile(
            source=self.path,
            name=self._name(),
            python=self._python(conda),
            pip=tuple(pip),
            conda=tuple(line for line in conda if requirement_name(line) not in ("python", "pip")),
            channels=tuple(self._channels()),
            specs=tuple(conda),
        )

    def _check_keys(self) -> None:
        data = self.document.data
        if data is None:
            raise BadInput(Place(self.path), "the file is empty", _EXAMPLE)
        if not isinstance(data, dict):
            self._refuse((), "found no `key: value` lines", _EXAMPLE)
        for key in data:
            if key not in _KEYS:
                self._refuse((key,), "found an unknown key", f"use only {', '.join(_KEYS)}")
        for key in ("name", "dependencies"):
            if key not in data:
                raise BadInput(Place(self.path, key=key), "is missing", _EXAMPLE)

    def _name(self) -> str:
        name = self._text(("name",), self.document.data["name"])
        if not _NAME.fullmatch(name):
            write = "write lower-case letters, digits and dashes, starting with a letter"
            self._refuse(("name",), f"found {name!r}", write)
        return name

    def _python(self, conda: list[str]) -> str:
        found = [match[1] for line in conda if (match := _PYTHON.fullmatch(line))]
        if len(found) != 1:
            number = f"{len(found)} Python versions" if found else "no Python version"
            self._refuse(
                ("dependencies",), f"found {number}", "write one line such as `- python=3.11`"
            )
        return found[0]

    def _pip_section(self, at: Location, section: dict[str, Any]) -> Iterator[str]:
        for key in section:
            if key != "pip":
                self._refuse((*at, key), "found an unknown section", "use only `pip:`")
        for place, item in self._items((*at, "pip"), section["pip"]):
            requirement = self._text(place, item)
            if not _REQUIREMENT.fullmatch(requirement):
                found = f"found {requirement!r}, which names no package of an index"
                self._refuse(place, found, "write a package and its version: `numpy==1.23.5`")
            yield requirement

    def _channels(self) -> Iterator[str]:
        if "channels" in self.document.data:
            for at, item in self._items(("channels",), self.document.data["channels"]):
                yield self._text(at, item)

    def _items(self, at: Location, items: Any) -> list[tuple[Location, Any]]:
        if not isinstance(items, list) or not items:
            self._refuse(at, "found no list", f"write `{at[-1]}:` and below it `- ...` lines")
        return [((*at, i), item) for i, item in enumerate(items)]

    def _text(self, at: Location, found: Any) -> str:
        if not isinstance(found, str) or not found.strip():
            self._refuse(at, f"found {found!r}, which isn't text", "write one name per line")
        return found.strip()

    def _refuse(self, at: Location, found: str, write: str) -> NoReturn:
        place = Place(self.path, self.document.line(at) or 1, dotted(at) or None)
        raise BadInput(place, found, write)
