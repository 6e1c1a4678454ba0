"""Copies of homes as archives, and archives as copies: from one `up` to the next.

`down` on hosts ends with the same archives as `down` on one machine (hub_config/homes.py), so
the next `up`, on hosts or not, finds everybody's work.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

from hub_config.backup.errors import CopyFailed
from hub_config.backup.jail import Jail
from hub_config.backup.processes import Running
from hub_config.backup.snapshots import About, Shelf
from hub_config.homes import PACK_SECONDS, PRIVATE, latest
from hub_config.install import Owner
from provisioning.folders import sync_folder

#: Where a copy is from that was made of an archive.
ARCHIVED = "the last workshop"


def archive_copies(backups: Path, archive: Path, now: datetime) -> Path | None:
    """The newest copy of every home as ADA.tar.gz; returns the archive's folder.

    None when there is nothing to pack. The copies stay. Killed, it is repeated as a whole.
    """
    shelves = [Shelf(backups, each.name) for each in sorted(backups.glob("[a-z]*"))]
    found = [(shelf, newest) for shelf in shelves if (newest := shelf.newest)]
    if not found:
        return None
    folder = archive / f"homes-{now:%Y%m%dT%H%M%SZ}"
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    for shelf, newest in found:
        target = folder / f"{shelf.folder.name}.tar.gz"
        account = _account_of(newest.files)
        _pack(Jail(account, newest.files, writable=False), shelf.folder.name, target)
    sync_folder(folder)
    return folder


def ensure_copy_from_archive(shelf: Shelf, account: Owner, archive: Path) -> bool:
    """The seat's newest archive as its first copy. False when there is nothing to do: it has
    copies, or no archive."""
    packed = latest(archive, shelf.folder.name)
    with shelf.held():
        if shelf.newest is not None or packed is None or not packed.is_file():
            return False
        files = shelf.begin(account)
        _unpack(packed, Jail(account, files, writable=True))
        at = datetime.fromtimestamp(packed.stat().st_mtime, UTC)
        shelf.complete(files, About(at=at, host=ARCHIVED))
        shelf.tidy()
        return True


def _account_of(files: Path) -> Owner:
    owner = files.stat()
    return Owner(owner.st_uid, owner.st_gid)


def _pack(jail: Jail, username: str, target: Path) -> None:
    """By the seat's account: what it can't read is not in the copy either."""
    scratch = target.with_suffix(".part")
    as_home = f"--transform=s,^\\.,{username},S"
    command = [*jail.command(), "tar", "--create", "--gzip", "--sparse", as_home, "--", "."]
    try:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            _finish(Running(command, stdout=file.fileno()), target)
            os.fsync(file.fileno())
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def _unpack(packed: Path, jail: Jail) -> None:
    command = [*jail.command(), "tar", "--extract", "--gzip", "--strip-components=1"]
    with packed.open("rb") as file:
        _finish(Running([*command, "--file=-"], stdin=file), packed)


def _finish(tar: Running, archive: Path) -> None:
    status = tar.wait(time.monotonic() + PACK_SECONDS)
    # 1: a file changed, which a copy does not; what is too long for tar is too long for rsync.
    if status not in (0, 1):
        raise CopyFailed(f"tar ended with status {status} at {archive}: {tar.said or 'no word'}")
