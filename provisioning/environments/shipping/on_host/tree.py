"""The listing of a folder, and its hash: the same on the builder and on every host.

A listing has one JSON line for each entry below the folder, in the order of the bytes of their
paths: ["d", path], ["f", path, executable, size, sha256] or ["l", path, target]. Times and owners
are no part of it. What isn't a file, a folder or a link is ["o", path].
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

#: In the top folder, and no part of the tree: what vouches for it on a host, and its listing.
MARKER = ".complete"
LISTING = ".tree"

_READ_BYTES = 1 << 20


def listing(prefix: Path) -> Iterator[bytes]:
    """The lines of the tree below `prefix`, each with its newline. Reads every file."""
    for path in sorted(_paths(prefix), key=os.fsencode):
        yield line(_entry(prefix / path, path))


def tree_sha256(lines: Iterable[bytes]) -> str:
    """The hash of a listing (hex)."""
    digest = hashlib.sha256()
    for each in lines:
        digest.update(each)
    return digest.hexdigest()


def line(entry: list[object]) -> bytes:
    """One entry as a listing has it; odd bytes of a path are escaped surrogates."""
    return json.dumps(entry, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _paths(prefix: Path) -> Iterator[str]:
    """Every path below `prefix`, relative to it. Links to folders are links."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(prefix / folder) as found:
            for each in found:
                if not folder and each.name in (MARKER, LISTING):
                    continue
                path = f"{folder}/{each.name}" if folder else each.name
                yield path
                if each.is_dir(follow_symlinks=False):
                    waiting.append(path)


def _entry(full: Path, path: str) -> list[object]:
    status = full.lstat()
    if stat.S_ISLNK(status.st_mode):
        return ["l", path, os.readlink(full)]  # noqa: PTH115 - as it is, not as a Path has it
    if stat.S_ISDIR(status.st_mode):
        return ["d", path]
    if not stat.S_ISREG(status.st_mode):
        return ["o", path]
    size, digest = _digest(full)
    return ["f", path, 1 if status.st_mode & stat.S_IXUSR else 0, size, digest]


def _digest(full: Path) -> tuple[int, str]:
    digest = hashlib.sha256()
    size = 0
    with full.open("rb", buffering=0) as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()
