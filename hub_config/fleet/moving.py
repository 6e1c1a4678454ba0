"""The seats of a lost host, on another one: their homes first, then everything else.

    servers end at the hub ─► homes brought ─► map, links ─► servers start

As long as the map names the lost host, nobody can start on an empty home. Killed anywhere, it
is called again and goes on: each step looks before it acts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from hub_config.backup.copying import CopyOrder
from hub_config.backup.desk import BackupDesk
from hub_config.backup.errors import CopyFailed, HostSilent
from hub_config.backup.program import copy_all
from hub_config.backup.restoring import Restored, ensure_restored
from hub_config.fleet.moves import Move, Moves, change_moves, read_moves
from hub_config.fleet.seat_map import Placement
from hub_config.settings import HubSettings

#: Homes that are brought at the same time: enough for the disk, few enough for the network.
AT_ONCE = 4
#: How long one home may take, in seconds. Nobody else waits for it.
HOME_SECONDS = 600.0


#: Copies these seats' homes once; returns the problems, by username.
CopyAll = Callable[[BackupDesk, tuple[Placement, ...]], dict[str, str]]


class Hub(Protocol):
    """What the hub's own side does; see hub_side.py."""

    def stop_servers(self, usernames: Iterable[str]) -> None: ...
    def place(self, dead: str, spare: str) -> None: ...
    def start_servers(self, usernames: Iterable[str]) -> None: ...


@dataclass
class _Mover:
    """Writes down what happens to each seat as it happens."""

    settings: HubSettings
    desk: BackupDesk
    restore: Callable[[CopyOrder], Restored]

    def begin(self, seats: Iterable[Placement], lost: str, to: str) -> None:
        now = datetime.now(UTC)
        known = self._read()
        self._write(
            # Tried again: it was noticed when it was noticed.
            replace(before, state="restoring", problem="", copy_at=self._copied_at(seat.username))
            if (before := known.of(seat.username)) and _same(before, lost, to)
            else Move(seat.username, lost, to, now, copy_at=self._copied_at(seat.username))
            for seat in seats
        )

    def bring(self, seats: Iterable[Placement], to: str) -> dict[str, CopyFailed]:
        """Every home to its new host; returns whose could not be brought, and why."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            done = dict(pool.map(lambda seat: (seat.username, self._bring(seat, to)), seats))
        known = self._read()
        for username, result in done.items():
            move = known.of(username)
            if move is not None and isinstance(result, CopyFailed):
                self._write([replace(move, state="failed", problem=result.message)])
            elif move is not None and isinstance(result, Restored):
                self._write([replace(move, copy_at=result.at)])
        return {name: each for name, each in done.items() if isinstance(each, CopyFailed)}

    def end(self, usernames: Iterable[str]) -> None:
        now, known = datetime.now(UTC), self._read()
        found = filter(None, map(known.of, usernames))
        self._write(replace(move, state="moved", done_at=now) for move in found)

    def _bring(self, seat: Placement, to: str) -> Restored | CopyFailed:
        try:
            return self.restore(self.desk.order(seat, HOME_SECONDS, to))
        except CopyFailed as error:
            return error

    def _copied_at(self, username: str) -> datetime | None:
        newest = self.desk.shelf(username).newest
        return newest.about.at if newest else None

    def _read(self) -> Moves:
        return read_moves(self.settings.hub_folder)

    def _write(self, changed: Iterable[Move]) -> None:
        change_moves(self.settings.hub_folder, lambda moves: moves.with_moves(changed))


def move_host(
    hub: Hub,
    settings: HubSettings,
    dead: str,
    spare: str,
    *,
    restore: Callable[[CopyOrder], Restored] = ensure_restored,
) -> None:
    """Every seat of `dead` goes on on `spare`.

    A seat whose home can't be brought moves too, but is not started: nobody else waits for it.
    Raises CopyFailed when no home can be brought: nobody is moved then, and another call goes on.
    """
    desk = BackupDesk(settings)
    seats = tuple(seat for seat in desk.away if seat.host == dead)
    names = tuple(seat.username for seat in seats)
    mover = _Mover(settings, desk, restore)
    mover.begin(seats, dead, spare)
    hub.stop_servers(names)
    failed = mover.bring(seats, spare)
    if silent := next((each for each in failed.values() if _stops_all(each, failed, seats)), None):
        raise CopyFailed(
            f"No home could be brought to {spare}: {silent.message}. The copies are untouched",
            next_step=silent.next_step,
        )
    hub.place(dead, spare)
    well = [name for name in names if name not in failed]
    mover.end(well)
    hub.start_servers(well)


def leave_host(
    hub: Hub, settings: HubSettings, host: str, *, copy: CopyAll = copy_all
) -> dict[str, str]:
    """The seats of a host that another machine takes the place of, while it can still be asked:
    their servers end, then nothing changes any more in their homes, and these are copied.

    Returns whose home could not be copied, and why: those have their last copies. Their work
    comes back before they start; see hub_config/backup/at_start.py.
    """
    desk = BackupDesk(settings)
    seats = tuple(seat for seat in desk.away if seat.host == host)
    mover = _Mover(settings, desk, ensure_restored)
    mover.begin(seats, host, host)
    hub.stop_servers(seat.username for seat in seats)
    problems = copy(desk, seats)
    mover.begin(seats, host, host)  # the pages say how old the copies are now
    return problems


def copy_what_can_be_reached(settings: HubSettings, host: str) -> None:
    """The homes of a host whose service was given up though its disk can be read: work since the
    last copy comes along. What can't be copied has its last copy."""
    desk = BackupDesk(settings)
    copy_all(desk, tuple(seat for seat in desk.away if seat.host == host))


def _stops_all(error: CopyFailed, failed: Sized, seats: Sized) -> bool:
    """It is the host that fails, not a home."""
    return isinstance(error, HostSilent) or len(failed) == len(seats)


def _same(move: Move, lost: str, to: str) -> bool:
    return move.state != "moved" and (move.lost, move.to) == (lost, to)
