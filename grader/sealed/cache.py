"""Outcomes kept by the bytes of everything that decides about them.

The key covers the cells, the author's notebook, data and files, the limits, the environment
and the engine's version. Only outcomes that another run would repeat are kept: everything was
judged, and nothing was stopped by a limit, which a faster machine might not reach. A file that
is damaged, or lies under the wrong name, is no hit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from grader.sealed.engine import ENGINE_VERSION
from grader.sealed.limits import Limits
from grader.sealed.submission import CellOutcome, Outcome, Submission

_KEPT_SECONDS = 30 * 24 * 3600


def key_of(
    submission: Submission, environment: str, limits: Limits, data: str | None = None
) -> str:
    """The key of a submission. `environment` identifies the environment's bytes (its lock),
    `data` is the digest of the author's data, where the caller knows it already."""
    if data is None:
        data = folder_digest(submission.data_folder)
    return _digest((data.encode(), *_parts(submission, environment, limits)))


@lru_cache(maxsize=1)
def _engine() -> bytes:
    """The engine's own text: nobody remembers every change that can change a verdict."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return _digest(source.read_bytes() for source in sources).encode()


def folder_digest(folder: Path | None) -> str:
    """What the files below a folder are; links are left out."""
    return _digest(_files(folder) if folder else ())


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield from (str(path.relative_to(folder)).encode(), path.read_bytes())


def _parts(submission: Submission, environment: str, limits: Limits) -> Iterator[bytes]:
    yield from (ENGINE_VERSION.encode(), _engine(), environment.encode())
    yield json.dumps(limits.as_json(), sort_keys=True).encode()
    for cells in (submission.steps, submission.author_cells):
        yield json.dumps([dataclasses.astuple(cell) for cell in cells]).encode()
    for name, data in sorted(submission.files.items()):
        yield from (b"file", name.encode(), data)


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

    def forget_old(self, now: float) -> None:
        """Remove what was kept long ago, and halves that a killed run left."""
        for file in self._folder.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_mtime < now - _KEPT_SECONDS:
                    file.unlink()

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"


def _would_repeat(outcome: Outcome) -> bool:
    return outcome.judged and not any(cell.stopped for cell in outcome.cells)


def _from_json(data: dict[str, Any]) -> Outcome:
    cells = [CellOutcome(**{**cell, "outputs": tuple(cell["outputs"])}) for cell in data["cells"]]
    return Outcome(**{**data, "cells": tuple(cells)})
