"""Folders that appear whole: unpacked beside their place, then renamed into it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from hub_config.exchange.archive import unpack
from hub_config.exchange.plugins.base import UNPACK_LIMITS

_MARK = ".incoming-"


def unpack_beside(archive: Path, place: Path, extra: Mapping[str, str] | None = None) -> Path:
    """Unpack next to `place` under a hidden name. `extra` files replace any of the archive's."""
    beside = place.parent / f"{_MARK}{place.name}-{secrets.token_hex(4)}"
    unpack(archive, beside, UNPACK_LIMITS)
    for name, text in (extra or {}).items():
        target = beside / name
        # An archive may hold a file or a folder of that name; ours is the true one.
        if target.is_dir():
            shutil.rmtree(target)
        target.unlink(missing_ok=True)
        target.write_text(text)
    return beside


def put_in_place(beside: Path, place: Path) -> None:
    """Rename into place. An older folder moves aside first and goes last.

    Killed between the two renames, the place is empty and the next run fills it again:
    the snapshot itself is safe in the exchange.
    """
    old = beside.with_name(f"{beside.name}-old")
    if place.exists():
        place.rename(old)
    beside.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def sweep(place: Path) -> None:
    """Remove what a killed run left beside `place`."""
    for leftover in place.parent.glob(f"{_MARK}{place.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
