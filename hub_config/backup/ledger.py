"""What came of every copy, kept for the file that others read. Threads may share it."""

from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from hub_config.backup.copying import Copied
from hub_config.backup.facts import (
    BackupFacts,
    SeatCopies,
    read_backup_facts,
    write_backup_facts,
)
from hub_config.backup.snapshots import Shelf
from hub_config.fleet.seat_map import Placement


class Ledger:
    """Begins with what the file says, so that a new process does not forget."""

    def __init__(self, hub_folder: Path) -> None:
        self._folder = hub_folder
        self._lock = threading.Lock()
        facts = read_backup_facts(hub_folder)
        self._seats = dict(facts.seats) if facts else {}
        #: Something is new since the file was written.
        self.changed = False

    def copied(self, seat: Placement, result: Copied) -> None:
        found = result.found
        self._keep(
            seat.username,
            SeatCopies(
                host=seat.host,
                at=result.at,
                checked_at=datetime.now(UTC),
                files=found.files,
                bytes=found.bytes,
                over_quota=found.over_quota,
                left_out_files=found.left_out_files,
                left_out_bytes=found.left_out_bytes,
                largest_left_out=found.largest_left_out,
                unreadable=found.unreadable,
                partly=result.partly,
            ),
        )

    def failed(self, seat: Placement, shelf: Shelf, problem: str) -> None:
        """The copies that are there stay what they are."""
        known = self._seats.get(seat.username) or SeatCopies(host=seat.host)
        newest = None if known.at else shelf.newest
        at = newest.about.at if newest else known.at
        changed = {"host": seat.host, "at": at, "problem": problem}
        self._keep(seat.username, known.model_copy(update=changed))

    def write(self, usernames: Collection[str], every_minutes: float) -> BackupFacts:
        """Replace the file; seats that are not among these are forgotten."""
        with self._lock:
            self.changed = False
            self._seats = {name: each for name, each in self._seats.items() if name in usernames}
            seats = dict(sorted(self._seats.items()))
        facts = BackupFacts(at=datetime.now(UTC), every_minutes=every_minutes, seats=seats)
        write_backup_facts(self._folder, facts)
        return facts

    def _keep(self, username: str, copies: SeatCopies) -> None:
        with self._lock:
            self._seats[username] = copies
            self.changed = True
