"""The copies of one seat's home on the hub's host.

    backups/ada/                     root's; only `files` belong to the seat's account
        home.json                    which home these are copies of (marks.py)
        newest -> snapshots/20261201T101502.123456Z
        snapshots/20261201T101502.123456Z/{about.json, files/}
        unfinished/0/files/          being made

A snapshot is renamed into `snapshots` when it is complete, then the link is: whoever looks, and
whenever we are killed, finds whole ones only. Files that did not change are the same file in
all snapshots (rsync's --link-dest).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from hub_config.backup.errors import CopyFailed
from hub_config.backup.listing import Found
from hub_config.install import Owner
from provisioning.folders import locked, sync_folder, write_atomically

#: The newest ones, and the last of each of the latest hours.
NEWEST, HOURS = 3, 3
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_REMOVING_SECONDS = 300


class About(BaseModel):
    """What is known of a snapshot. `digest` stands for the home as it was (listing.py)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: datetime
    host: str
    digest: str = ""
    found: Found | None = None
    #: Some files could not be read, or never held still.
    partly: bool = False


@dataclass(frozen=True)
class Snapshot:
    folder: Path
    about: About

    @property
    def files(self) -> Path:
        return self.folder / "files"


class Shelf:
    """All copies of one seat's home."""

    def __init__(self, backups: Path, username: str) -> None:
        self.folder = backups / username

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else changes these copies, or brings them anywhere, meanwhile."""
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.folder, self.folder / "snapshots", self.folder / "unfinished"):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o711)
        with locked(self.folder / "lock"):
            yield

    @property
    def newest(self) -> Snapshot | None:
        """The newest complete snapshot."""
        link = self.folder / "newest"
        if link.is_symlink() and (found := _read(self.folder / link.readlink())):
            return found
        # Killed before the link was made.
        return next(filter(None, map(_read, reversed(self._complete()))), None)

    def begin(self, account: Owner) -> Path:
        """A new, empty folder to be filled by that account: unfinished/N/files.

        Of what was begun before, the newest stays: what is in it need not be copied again.
        """
        earlier = self.unfinished()
        for left in earlier[1:]:
            remove(left)
        number = int(earlier[0].name) + 1 if earlier else 0
        files = self.folder / "unfinished" / str(number) / "files"
        files.mkdir(parents=True)
        files.parent.chmod(0o711)
        files.chmod(0o700)
        os.chown(files, account.uid, account.gid)
        return files

    def unfinished(self) -> list[Path]:
        """What was begun, the newest first."""
        found = (self.folder / "unfinished").glob("[0-9]*")
        return sorted(found, key=lambda path: -int(path.name))

    def complete(self, files: Path, about: About) -> Snapshot:
        """From here on `files` is the newest snapshot. Its bytes must be on the disk."""
        unfinished = files.parent
        write_atomically(unfinished / "about.json", about.model_dump_json().encode(), mode=0o600)
        folder = self.folder / "snapshots" / about.at.astimezone(UTC).strftime(_STAMP)
        unfinished.rename(folder)
        sync_folder(folder.parent)
        self._point_to(folder)
        return Snapshot(folder, about)

    def tidy(self) -> None:
        """Remove what was begun, and the snapshots that are not kept."""
        newest = self.newest
        keep = kept([each.name for each in self._complete()])
        for folder in self._complete():
            if folder.name not in keep and newest and folder != newest.folder:
                # Out of sight in one step: half a snapshot must never look like one.
                gone = self.folder / "unfinished" / f"removed-{folder.name}"
                folder.rename(gone)
        for left in (self.folder / "unfinished").iterdir():
            remove(left)

    def _complete(self) -> list[Path]:
        return sorted((self.folder / "snapshots").glob("[0-9]*Z"))

    def _point_to(self, folder: Path) -> None:
        new = self.folder / ".newest.new"
        new.unlink(missing_ok=True)
        new.symlink_to(folder.relative_to(self.folder))
        new.rename(self.folder / "newest")
        sync_folder(self.folder)


def kept(stamps: Iterable[str]) -> frozenset[str]:
    """Which snapshots stay: the newest three, and the last of each of the latest three hours."""
    newest_first = sorted(stamps, reverse=True)
    hours: dict[str, str] = {}
    for stamp in newest_first:
        hours.setdefault(stamp[: len("20261201T10")], stamp)
    return frozenset(newest_first[:NEWEST]) | frozenset(list(hours.values())[:HOURS])


def remove(path: Path) -> None:
    """A folder with whatever an attendee made in it; no link is followed."""
    command = ["rm", "--recursive", "--force", "--one-file-system", "--", str(path)]
    done = subprocess.run(command, capture_output=True, timeout=_REMOVING_SECONDS, check=False)
    if done.returncode != 0:
        raise CopyFailed(f"{path} can't be removed: {done.stderr.decode(errors='replace')[-200:]}")


def _read(folder: Path) -> Snapshot | None:
    try:
        return Snapshot(folder, About.model_validate_json((folder / "about.json").read_bytes()))
    except (OSError, ValidationError):
        return None
