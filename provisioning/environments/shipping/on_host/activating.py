"""Which version of an environment is in use: a link, swapped at once."""

from __future__ import annotations

import os
from pathlib import Path

from .durable import sync_folder
from .lock import hold
from .order import Layout
from .voice import Refused

_WAIT_SECONDS = 30.0


def activate(layout: Layout) -> bool:
    """Use this version from now on; False if it is in use. The one before is remembered."""
    lock = hold(layout.run / f"ship-activate-{layout.name}.lock", _WAIT_SECONDS)
    try:
        current = target(layout.link)
        if current is None and layout.link.exists():
            raise Refused(
                "in-the-way",
                f"{layout.link} is not a link to a version of {layout.name}",
                "move it away, then ship again",
            )
        if current == layout.version:
            return False
        if current is not None:
            _point(layout.previous, current)
        _point(layout.link, layout.version)
        sync_folder(layout.environments)
        return True
    finally:
        os.close(lock)


def target(link: Path) -> str | None:
    """The name that a link points to; None when it's no link."""
    try:
        return str(link.readlink())
    except OSError:
        return None


def _point(link: Path, version: str) -> None:
    unfinished = link.with_name(f".{link.name}.link")
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(version)
    unfinished.replace(link)
