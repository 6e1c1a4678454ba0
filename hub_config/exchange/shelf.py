"""One folder of numbered, immutable entries: bytes, and a record that makes them count."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from hub_config.exchange.errors import NotThere
from hub_config.exchange.files import (
    Upload,
    ensure_folder,
    full_disk_is_refused,
    publish,
    write_new,
)
from hub_config.exchange.records import Record

R = TypeVar("R", bound=Record)

_RECORD = re.compile(r"\d{6}-[0-9a-f]{64}\.json")


class Shelf(Generic[R]):
    """Entries `NNNNNN-<sha256>.zip`, each with its record `NNNNNN-<sha256>.json`.

    The record is written last. An entry exists when its record does: bytes without a record
    are what a killed service left, and `sweep` removes them. Writers must hold the store's lock.
    """

    def __init__(self, folder: Path, record_type: type[R], scratch: Path) -> None:
        self.folder = folder
        self._type = record_type
        self._scratch = scratch

    def records(self) -> list[R]:
        """All records, oldest first."""
        return [self._type.read((self.folder / name).read_bytes()) for name in self._names()]

    def newest(self) -> R | None:
        names = self._names()
        return self._type.read((self.folder / names[-1]).read_bytes()) if names else None

    def find(self, entry: str) -> R:
        """The record of that id; NotThere if there is none."""
        if f"{entry}.json" not in self._names():
            raise NotThere(
                "There is no such entry.", next_step="List what there is, then ask again."
            )
        return self._type.read((self.folder / f"{entry}.json").read_bytes())

    def archive(self, record: R) -> Path:
        return self.folder / f"{record.id}.zip"

    def add(self, upload: Upload, make: Callable[[str], R]) -> R:
        """Give the bytes the next number and write the record that `make` fills in for it."""
        with full_disk_is_refused():
            ensure_folder(self.folder)
            entry = self._next_entry(upload.sha256)
            archive = self.folder / f"{entry}.zip"
            publish(upload.path, archive)
            try:
                return self._write_record(entry, make)
            except BaseException:
                archive.unlink()
                raise

    def add_note(self, sha256: str, make: Callable[[str], R]) -> R:
        """Add an entry that is only a record."""
        with full_disk_is_refused():
            return self._write_record(self._next_entry(sha256), make)

    def sweep(self) -> None:
        """Remove bytes that never got their record."""
        for path in self.folder.glob("*.zip"):
            if not path.with_suffix(".json").exists():
                path.unlink()

    def _write_record(self, entry: str, make: Callable[[str], R]) -> R:
        record = make(entry)
        write_new(self.folder / f"{entry}.json", record.model_dump_json().encode(), self._scratch)
        return record

    def _next_entry(self, sha256: str) -> str:
        names = self._names()
        last = int(names[-1].partition("-")[0]) if names else 0
        return f"{last + 1:06d}-{sha256}"

    def _names(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            names = (path.name for path in self.folder.iterdir())
            return sorted(name for name in names if _RECORD.fullmatch(name))
        return []
