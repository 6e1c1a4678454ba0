"""Releases, submissions and feedback on disk. Nothing in it is ever overwritten.

releases/<assignment>/                        versions of an assignment
submissions/<assignment>/<username>/          snapshots of one attendee's work
feedback/<assignment>/<username>/<snapshot>/  versions of the feedback on one snapshot
uploads/                                      bytes on their way in; emptied at the start
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hub_config.exchange.archive import Contents
from hub_config.exchange.errors import NotThere, TicketUsed, TooMany
from hub_config.exchange.files import Incoming, Upload, ensure_folder
from hub_config.exchange.records import Feedback, Release, Snapshot
from hub_config.exchange.shelf import Shelf
from hub_config.exchange.tickets import Ticket
from provisioning.errors import AlreadyTaken

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Quota:
    """How much one attendee may keep in the store for one assignment."""

    snapshots: int
    total_bytes: int


class Store:
    """The only writer of the folders below `root`; safe to use from several threads."""

    def __init__(self, root: Path, clock: Clock, quota: Quota) -> None:
        self._root = root
        self._clock = clock
        self._quota = quota
        self._lock = threading.Lock()
        self._by_ticket: dict[str, Snapshot] = {}
        self._held: int | None = None

    # --- life -----------------------------------------------------------------------------

    def open(self) -> None:
        """Take the store for this process, remove what a killed one left, read the tickets."""
        ensure_folder(self._uploads)
        self._held = self._take()
        for leftover in self._uploads.iterdir():
            leftover.unlink()
        for shelf in self._shelves():
            shelf.sweep()
        self._by_ticket = {
            snapshot.ticket: snapshot
            for folder in self._root.glob("submissions/*/*")
            for snapshot in self._snapshot_shelf(folder).records()
        }

    def close(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _take(self) -> int:
        # The lock goes with the process, so that a kill -9 leaves nothing to clear.
        descriptor = os.open(self._root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise AlreadyTaken(
                f"Another exchange service is using {self._root}.",
                next_step="Stop it first: one store has one writer.",
            ) from None
        return descriptor

    def incoming(self, limit: int) -> Incoming:
        """Begin to receive at most `limit` bytes."""
        return Incoming(self._uploads, limit)

    # --- releases -------------------------------------------------------------------------

    def assignments(self) -> list[str]:
        """Names of all assignments that were ever released."""
        return _folder_names(self._root / "releases")

    def release(self, assignment: str) -> Release:
        """The current version; NotThere if it isn't released or was withdrawn."""
        newest = self._release_shelf(assignment).newest()
        if newest is None or newest.withdrawn:
            raise NotThere(
                f"There is no released assignment named {assignment!r}.",
                next_step="See `nbgrader list` for the names.",
            )
        return newest

    def release_archive(self, release: Release) -> Path:
        return self._release_shelf(release.assignment).archive(release)

    def add_release(
        self, upload: Upload, contents: Contents, *, assignment: str, by: str
    ) -> Release:
        """Make this the current version. The same bytes again change nothing."""
        shelf = self._release_shelf(assignment)
        with self._lock:
            newest = shelf.newest()
            if newest and newest.sha256 == upload.sha256 and not newest.withdrawn:
                return newest
            return shelf.add(
                upload,
                lambda entry: Release(
                    id=entry,
                    sha256=upload.sha256,
                    size=upload.size,
                    assignment=assignment,
                    released=self._clock(),
                    released_by=by,
                    notebooks=contents.notebooks(),
                ),
            )

    def withdraw_release(self, assignment: str, *, by: str) -> Release:
        """Take the assignment off the list. Its versions and its submissions stay."""
        with self._lock:
            current = self.release(assignment)
            changes = {"withdrawn": True, "released": self._clock(), "released_by": by}
            return self._release_shelf(assignment).add_note(
                current.sha256, lambda entry: current.model_copy(update={"id": entry, **changes})
            )

    # --- submissions ----------------------------------------------------------------------

    def submissions(self, assignment: str, username: str) -> list[Snapshot]:
        """One attendee's snapshots of one assignment, oldest first."""
        return self._snapshots(assignment, username).records()

    def attendees(self, assignment: str) -> list[str]:
        """Who has submitted that assignment."""
        return _folder_names(self._root / "submissions" / assignment)

    def submission(self, assignment: str, username: str, entry: str) -> Snapshot:
        return self._snapshots(assignment, username).find(entry)

    def submission_archive(self, snapshot: Snapshot) -> Path:
        return self._snapshots(snapshot.assignment, snapshot.username).archive(snapshot)

    def submission_of_ticket(self, ticket: str) -> Snapshot | None:
        """What this ticket has brought in, also before a restart."""
        return self._by_ticket.get(ticket)

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Every snapshot that the store had when it was opened, and those filed since."""
        with self._lock:
            return tuple(self._by_ticket.values())

    def check_quota(self, assignment: str, username: str, size: int = 0) -> None:
        """Raise TooMany if one more snapshot of `size` bytes is more than may be kept."""
        kept = self.submissions(assignment, username)
        total = sum(snapshot.size for snapshot in kept) + size
        if len(kept) >= self._quota.snapshots or total > self._quota.total_bytes:
            raise TooMany(
                f"You have {len(kept)} submissions of {assignment!r}, which is all that is kept.",
                next_step="Your last one counts. Ask the instructor if it must be replaced.",
            )

    def add_submission(self, upload: Upload, contents: Contents, ticket: Ticket) -> Snapshot:
        """File the bytes under the ticket's owner, once per ticket."""
        with self._lock:
            if earlier := self._by_ticket.get(ticket.id):
                raise TicketUsed(earlier)
            self.check_quota(ticket.assignment, ticket.username, upload.size)
            snapshot = self._snapshots(ticket.assignment, ticket.username).add(
                upload,
                lambda entry: Snapshot(
                    id=entry,
                    sha256=upload.sha256,
                    size=upload.size,
                    assignment=ticket.assignment,
                    username=ticket.username,
                    received=self._clock(),
                    ticket=ticket.id,
                    notebooks=contents.notebooks(),
                ),
            )
            self._by_ticket[ticket.id] = snapshot
            return snapshot

    # --- feedback -------------------------------------------------------------------------

    def feedback(self, snapshot: Snapshot) -> Feedback | None:
        """The newest feedback on a snapshot."""
        return self._feedback_shelf(snapshot).newest()

    def feedback_archive(self, snapshot: Snapshot, feedback: Feedback) -> Path:
        return self._feedback_shelf(snapshot).archive(feedback)

    def add_feedback(
        self, upload: Upload, contents: Contents, *, snapshot: Snapshot, by: str
    ) -> Feedback:
        """Add a version of the feedback. The same bytes again change nothing."""
        shelf = self._feedback_shelf(snapshot)
        with self._lock:
            newest = shelf.newest()
            if newest and newest.sha256 == upload.sha256:
                return newest
            return shelf.add(
                upload,
                lambda entry: Feedback(
                    id=entry,
                    sha256=upload.sha256,
                    size=upload.size,
                    assignment=snapshot.assignment,
                    username=snapshot.username,
                    snapshot=snapshot.id,
                    released=self._clock(),
                    released_by=by,
                    pages=contents.pages(),
                ),
            )

    # --- folders --------------------------------------------------------------------------

    @property
    def _uploads(self) -> Path:
        return self._root / "uploads"

    def _release_shelf(self, assignment: str) -> Shelf[Release]:
        return Shelf(self._root / "releases" / assignment, Release, self._uploads)

    def _snapshots(self, assignment: str, username: str) -> Shelf[Snapshot]:
        return self._snapshot_shelf(self._root / "submissions" / assignment / username)

    def _snapshot_shelf(self, folder: Path) -> Shelf[Snapshot]:
        return Shelf(folder, Snapshot, self._uploads)

    def _feedback_shelf(self, snapshot: Snapshot) -> Shelf[Feedback]:
        below = Path("feedback", snapshot.assignment, snapshot.username, snapshot.id)
        return Shelf(self._root / below, Feedback, self._uploads)

    def _shelves(self) -> Iterator[Shelf[Release] | Shelf[Snapshot] | Shelf[Feedback]]:
        for folder in self._root.glob("releases/*"):
            yield Shelf(folder, Release, self._uploads)
        for folder in self._root.glob("submissions/*/*"):
            yield Shelf(folder, Snapshot, self._uploads)
        for folder in self._root.glob("feedback/*/*/*"):
            yield Shelf(folder, Feedback, self._uploads)


def _folder_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
