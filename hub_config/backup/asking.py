"""A copy of one home, now: asked for by whoever stops a seat, done by the backup.

The request is an empty file, so asking neither waits nor fails when the backup is not there.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from hub_config.usernames import is_username


def ask_for_copy(run: Path, username: str) -> None:
    """`run`: the workshop's run folder. Nothing happens where no backup runs."""
    with suppress(OSError):
        (_folder(run) / username).touch(mode=0o600)


def take_requests(run: Path) -> frozenset[str]:
    """Whose homes were asked for since the last call."""
    folder = _folder(run)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    asked = frozenset(each.name for each in folder.iterdir() if is_username(each.name))
    for name in asked:
        (folder / name).unlink(missing_ok=True)
    return asked


def _folder(run: Path) -> Path:
    return run / "copy-now"
