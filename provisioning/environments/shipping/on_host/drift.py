"""What became of the files of an environment since it was unpacked."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from . import tree

#: Of each kind; the counts are of all.
_MOST_NAMED = 200


class Difference(NamedTuple):
    """One path that is not as the listing says: `kind` is changed, added or removed."""

    kind: str
    path: str


def expected_lines(prefix: Path, tree_sha256: str) -> list[bytes] | None:
    """The listing that was written when it was unpacked; None if that isn't to be trusted."""
    try:
        content = (prefix / tree.LISTING).read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest() != tree_sha256:
        return None
    return content.splitlines(keepends=True)


def differences(expected: Iterable[bytes], found: Iterable[bytes]) -> Iterator[Difference]:
    """Compare two listings, which are both in the order of their paths."""
    left, right = iter(expected), iter(found)
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        if one == other:
            one, other = next(left, None), next(right, None)
        elif other is None or (one is not None and _path(one) < _path(other)):
            yield Difference("removed", _name(one))
            one = next(left, None)
        elif one is None or _path(other) < _path(one):
            yield Difference("added", _name(other))
            other = next(right, None)
        else:
            yield Difference("changed", _name(one))
            one, other = next(left, None), next(right, None)


def report(found: Iterable[Difference]) -> dict[str, Any]:
    """Names and counts by kind: {"changed": [...], ..., "counts": {"changed": 3, ...}}."""
    names: dict[str, list[str]] = {"changed": [], "added": [], "removed": []}
    counts = dict.fromkeys(names, 0)
    for each in found:
        counts[each.kind] += 1
        if len(names[each.kind]) < _MOST_NAMED:
            names[each.kind].append(each.path)
    return {**names, "counts": counts}


def loose_files(prefix: Path) -> list[str]:
    """What somebody other than root could have changed, or what runs as its owner."""
    loose = []
    for folder, folders, files in os.walk(prefix):
        for name in (*folders, *files):
            path = Path(folder, name)
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                continue
            writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if writable or status.st_mode & (stat.S_ISUID | stat.S_ISGID) or status.st_uid:
                loose.append(str(path.relative_to(prefix)))
    return sorted(loose)[:_MOST_NAMED]


def _name(line: bytes | None) -> str:
    return str(json.loads(line or b"[0,0]")[1])


def _path(line: bytes | None) -> bytes:
    return os.fsencode(_name(line))
