"""A small file that one process keeps: read once, replaced whole at every change."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from provisioning.folders import write_atomically

T = TypeVar("T")
_LOG = logging.getLogger(__name__)


class KeptFile(Generic[T]):
    """A value on disk. `version` grows with every change."""

    def __init__(self, path: Path, adapter: TypeAdapter[T], empty: T) -> None:
        self._path, self._adapter = path, adapter
        self.version = 0
        try:
            self.value = adapter.validate_json(path.read_bytes())
        except FileNotFoundError:
            self.value = empty
        except ValidationError:
            # Better an empty list than a wall that never starts; the file is kept to look at.
            _LOG.error("%s can't be read: it is kept as it is beside a new one", path)
            path.replace(path.with_suffix(".unreadable"))
            self.value = empty

    def change(self, value: T) -> None:
        if value == self.value:
            return
        write_atomically(self._path, self._adapter.dump_json(value), mode=0o600)
        self.value = value
        self.version += 1
