"""The folders of a host, and whether there is room in them."""

from __future__ import annotations

import os
from pathlib import Path

from .order import Layout, Order
from .voice import Refused

#: A little more than what was asked for, so that the host itself goes on working.
_SLACK_BYTES = 32 * 2**20
#: What a file costs beyond its bytes: its last block and its inode.
_FILE_BYTES = 4096


def ensure_folders(layout: Layout) -> None:
    """The folders of a host: everybody may look at environments, only root at archives."""
    for folder, mode in (
        (layout.environments.parent, 0o755),
        (layout.environments, 0o755),
        (layout.run, 0o755),
        (layout.incoming, 0o700),
    ):
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)


def refuse_small_disk(order: Order, layout: Layout) -> None:
    """Raises Refused("disk-full") unless the archive and its files fit."""
    wanted = {layout.incoming: order.archive_bytes - _on_disk(layout)}
    if order.install:
        files = order.unpacked_bytes + order.files * _FILE_BYTES
        wanted[layout.environments] = max(0, files)
    by_disk: dict[int, int] = {}
    for folder, size in wanted.items():
        device = folder.stat().st_dev
        by_disk[device] = by_disk.get(device, _SLACK_BYTES) + size
    for folder in wanted:
        needed, free = by_disk[folder.stat().st_dev], _free(folder)
        if needed > free:
            raise disk_full(folder, needed, free)


def disk_full(folder: Path, needed: int, free: int) -> Refused:
    return Refused(
        "disk-full",
        f"the disk of {folder} has {free / 1e6:.0f} MB free and {needed / 1e6:.0f} MB are needed; "
        "the environment in use was left as it is",
        "free some space there (`workshop env prune` removes old versions), or take a larger "
        "`disk:` in workshop.yaml, then ship again",
    )


def _free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def _on_disk(layout: Layout) -> int:
    """What the archive already takes, written or set aside."""
    paths = [path for path in (layout.archive, layout.part) if path.exists()]
    return sum(path.stat().st_blocks * 512 for path in paths)
