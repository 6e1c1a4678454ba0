"""One home, copied: look, bring over what has changed, look again whether it held still."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hub_config.backup.errors import CopyFailed
from hub_config.backup.jail import INSIDE, Jail
from hub_config.backup.listing import Found, Limits, Listing
from hub_config.backup.marks import Marks, ensure_marks
from hub_config.backup.processes import Running
from hub_config.backup.seat_home import SeatHome
from hub_config.backup.snapshots import About, Shelf
from hub_config.backup.transfer import OPTIONS, THERE, Transfer

#: Tries to find notebooks and databases at rest, and the pause before the next.
ROUNDS = 3
PAUSE_SECONDS = 0.3
#: What stays free for submissions, the gradebook and the hub: this, or a twentieth of the disk.
RESERVE_BYTES = 1024**3
RESERVE_FILES = 20_000
_NAMES = "/names"

# Takes the earlier version of files that never held still; a database with all its files.
_KEEP_EARLIER = r"""
while IFS= read -r -d "" name; do
    [ -f "$0/$name" ] || continue
    for end in "" -wal -shm -journal; do
        rm -f -- "$1/$name$end"
        [ ! -f "$0/$name$end" ] || ln -- "$0/$name$end" "$1/$name$end"
    done
done < /names
"""


@dataclass(frozen=True)
class CopyOrder:
    """Whose home goes where. `seconds`: how long the bringing may take in all."""

    home: SeatHome
    shelf: Shelf
    limits: Limits
    seconds: float


@dataclass(frozen=True)
class Copied:
    """`at`: what was there then is safe. `changed` is False when the last copy still is right."""

    at: datetime
    changed: bool
    found: Found
    partly: bool = False


def copy_home(order: CopyOrder, now: Callable[[], datetime]) -> Copied:
    """Raises CopyFailed (HostSilent, TooSlow); the earlier snapshots are untouched then."""
    with order.shelf.held():
        return _Copying(order, ensure_marks(order.shelf), now).copy()


def require_room(folder: Path) -> None:
    """CopyFailed when the disk is so full that a copy would take what others need."""
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    short = free < min(RESERVE_BYTES, disk.f_blocks * disk.f_frsize // 20)
    if short or (disk.f_files and disk.f_favail < RESERVE_FILES):
        raise CopyFailed(
            f"the hub's host has only {free // 10**6} MB left, which submissions need",
            next_step=f"make room on the hub's host: du -sh {folder}/*",
        )


@dataclass
class _Copying:
    order: CopyOrder
    marks: Marks
    now: Callable[[], datetime]

    def copy(self) -> Copied:
        shelf, at = self.order.shelf, self.now()
        newest = shelf.newest
        listing = self._look()
        if newest is not None and newest.about.digest == listing.digest:
            return Copied(at, changed=False, found=listing.found, partly=newest.about.partly)
        require_room(shelf.folder)
        until = time.monotonic() + self.order.seconds
        for _ in range(ROUNDS):
            at = self.now()
            files, status = self._bring(listing, until)
            after = self._look()
            moving = after.moving(listing)
            at_rest, copied, listing = after.records == listing.records, listing, after
            if not moving:
                break
            time.sleep(PAUSE_SECONDS)
        else:
            self._keep_earlier(files, moving)
        about = About(
            at=at,
            host=self.order.home.host,
            digest=copied.digest if at_rest and status == 0 else "",
            found=copied.found,
            partly=status != 0 or bool(moving),
        )
        shelf.complete(files, about)
        shelf.tidy()
        return Copied(at, changed=True, found=copied.found, partly=about.partly)

    def _look(self) -> Listing:
        # Without a copy, whatever is there is the home. Else it must be the one that was copied.
        new = self.marks.mark if self.order.shelf.newest is None else ""
        return self.order.home.look(self.marks.known, new, self.order.limits)

    def _bring(self, listing: Listing, until: float) -> tuple[Path, int]:
        """A new folder with everything that is listed; what an earlier one has is linked."""
        order, shelf = self.order, self.order.shelf
        earlier = [each / "files" for each in shelf.unfinished()[:1]]
        earlier += [newest.files] if (newest := shelf.newest) else []
        files = shelf.begin(order.home.account)
        with _listed(listing.names()) as names:
            jail = Jail(order.home.account, shelf.folder, writable=True, files=(names,))
            arguments = [
                *(*OPTIONS, "--fsync", f"--max-size={order.limits.bytes}"),
                # Else rsync takes names for patterns, and one with a backslash ends the copy.
                # What a sender could send unasked stays in the jail, too.
                *("--from0", f"--files-from={_NAMES}", "--trust-sender"),
                *(f"--link-dest={self._inside(each)}" for each in earlier),
                *(f"{THERE}:{INSIDE}/", f"{self._inside(files)}/"),
            ]
            transfer = Transfer(
                jail.command(),
                arguments,
                lambda rsync: order.home.sender(rsync, until),
                order.limits.bytes,
                until,
            )
            return files, transfer.run()

    def _keep_earlier(self, files: Path, moving: bytes) -> None:
        newest = self.order.shelf.newest
        if newest is None:
            return
        account, folder = self.order.home.account, self.order.shelf.folder
        with _listed(moving) as names:
            jail = Jail(account, folder, writable=True, files=(names,))
            folders = (str(self._inside(each)) for each in (newest.files, files))
            command = [*jail.command(), "bash", "-c", _KEEP_EARLIER, *folders]
            Running(command).wait(time.monotonic() + self.order.seconds)

    def _inside(self, path: Path) -> Path:
        """As the process in the jail sees it."""
        return Path(INSIDE) / path.relative_to(self.order.shelf.folder)


@contextmanager
def _listed(names: bytes) -> Iterator[tuple[Path, str]]:
    """A file with these names, for a jail; the seat's account may read it."""
    with tempfile.NamedTemporaryFile(prefix="workshop-names-") as file:
        file.write(names)
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        yield Path(file.name), _NAMES
