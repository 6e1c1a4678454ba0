"""The few packages that exist as source only: which may be built, and with which tools.

`from-source.txt`, beside the environment files, names them; `from-source.lock` has the
hashes of the tools. A source runs code of its own while it is built, so nothing is built
that isn't named there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from provisioning.environments.files import normalised
from provisioning.errors import BadInput, Place
from provisioning.text_file import read_text

NAME = "from-source.txt"

_LINE = re.compile(r"([A-Za-z0-9][\w.-]*):((?:\s+[A-Za-z0-9][\w.-]*==[\w.]+)+)")


@dataclass(frozen=True)
class FromSource:
    """What may be built: the packages, the tools that build them, and the tools' lock."""

    packages: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    lock: Path | None = None

    def among(self, packages: Iterable[str]) -> FromSource:
        """The same for these packages only; nothing at all if none of them is built."""
        chosen = tuple(sorted(set(self.packages) & set(packages)))
        return FromSource(chosen, self.tools, self.lock) if chosen else NOTHING

    def installing(self) -> list[str]:
        """What uv is told: wheels only, but for these packages, built with the locked tools."""
        arguments = ["--only-binary", ":all:"]
        for package in self.packages:
            arguments += ["--no-binary", package]
        return arguments + self.building()

    def building(self) -> list[str]:
        """What uv is told wherever it may have to build."""
        return ["--build-constraints", str(self.lock)] if self.lock else []


NOTHING = FromSource()


def read_from_source(folder: Path) -> FromSource:
    """What `from-source.txt` in `folder` allows; nothing if there is no such file."""
    path = folder / NAME
    if not path.exists():
        return NOTHING
    packages: list[str] = []
    tools: set[str] = set()
    for number, line in enumerate(read_text(path, most_bytes=16 * 1024).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if not match:
            write = "write a package and its pinned build tools: `gluonnlp: cython==3.3.1`"
            raise BadInput(Place(path, number), f"found {line.strip()!r}", write)
        packages.append(normalised(match[1]))
        tools.update(match[2].split())
    return FromSource(tuple(packages), tuple(sorted(tools)), path.with_suffix(".lock"))
