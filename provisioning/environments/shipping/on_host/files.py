"""Files on a host: what must survive a power cut, and whether there is room."""

from __future__ import annotations

import ctypes
import fcntl
import os
import time
from pathlib import Path

from .order import Layout, Order
from .voice import Refused

#: A little more than what was asked for, so that the host itself goes on working.
_SLACK_BYTES = 32 * 2**20
#: What a file costs beyond its bytes: its last block and its inode.
_FILE_BYTES = 4096

_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


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


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_disk_of(folder: Path) -> None:
    """Write everything of that file system to its disk: one call instead of one for each file."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes) -> None:
    """A file that is there with all its bytes or not at all."""
    unfinished = path.with_name(f".{path.name}.new")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync_folder(path.parent)


def swap(one: Path, other: Path) -> None:
    """Exchange two names at once, so that there is no moment without either."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(one))


def hold(lock: Path, seconds: float) -> int:
    """A descriptor that holds `lock`: it is free again when all who have it end.

    Raises Refused("busy") when another ship of the same version keeps it that long.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(descriptor)
                raise Refused(
                    "busy",
                    f"another ship of {lock.stem[len('ship-') :]} is under way on this host",
                    "wait until it ends, then ship again: what is there will be kept",
                ) from None
            time.sleep(0.2)
        else:
            return descriptor


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
