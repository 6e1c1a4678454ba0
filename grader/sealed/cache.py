"""Outcomes kept by the bytes of everything that decides about them.

The key covers the cells, the author's notebook, data and files, the limits, the environment
and the engine's version. Only outcomes that another run would repeat are kept: everything was
judged, and nothing was stopped by a limit, which a faster machine might not reach. A file that
is damaged, or lies under the wrong name, is no hit.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grader.sealed.engine import ENGINE_VERSION
from grader.sealed.limits import Limits
from grader.sealed.submission import CellOutcome, Outcome, Submission


def key_of(submission: Submission, environment: str, limits: Limits) -> str:
    """The key of a submission. `environment` identifies the environment's bytes (its lock)."""
    digest = hashlib.sha256()
    for part in _parts(submission, environment, limits):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _parts(submission: Submission, environment: str, limits: Limits) -> Iterator[bytes]:
    yield from (ENGINE_VERSION.encode(), environment.encode())
    yield json.dumps(limits.as_json(), sort_keys=True).encode()
    for cells in (submission.steps, submission.author_cells):
        yield json.dumps([dataclasses.astuple(cell) for cell in cells]).encode()
    for name, data in sorted(submission.files.items()):
        yield from (b"file", name.encode(), data)
    folder = submission.data_folder
    if folder:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield from (b"data", str(path.relative_to(folder)).encode(), path.read_bytes())


class Cache:
    """Outcomes below one folder, one file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key: str) -> Outcome | None:
        """The outcome of this key, if it is kept."""
        try:
            data = json.loads(self._path(key).read_text(encoding="utf-8"))
            return _from_json(data["outcome"]) if data["key"] == key else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, key: str, outcome: Outcome) -> bool:
        """Keep an outcome that another run would repeat. Says whether it did."""
        if not _would_repeat(outcome):
            return False
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(f".{os.getpid()}-{os.urandom(4).hex()}")
        text = json.dumps({"key": key, "outcome": dataclasses.asdict(outcome)})
        half.write_text(text, encoding="utf-8")
        half.rename(path)
        return True

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"


def _would_repeat(outcome: Outcome) -> bool:
    return outcome.judged and not any(cell.stopped for cell in outcome.cells)


def _from_json(data: dict[str, Any]) -> Outcome:
    cells = [CellOutcome(**{**cell, "outputs": tuple(cell["outputs"])}) for cell in data["cells"]]
    return Outcome(**{**data, "cells": tuple(cells)})
