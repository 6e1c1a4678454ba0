"""Before a seat's server starts on a host: the right home stands there.

Most often it does, and asking costs one short connection; a seat that was never copied costs
nothing. After a host was replaced, this is where everybody's work comes back.
"""

from __future__ import annotations

from datetime import UTC, datetime

from hub_config.backup.archives import ARCHIVED, ensure_copy_from_archive
from hub_config.backup.desk import BackupDesk
from hub_config.backup.restoring import Restored, ensure_restored
from hub_config.fleet.moves import Move, change_moves
from hub_config.fleet.seat_map import Placement
from hub_config.install import Owner
from hub_config.settings import HubSettings

#: How long one home may take, in seconds.
HOME_SECONDS = 600.0


def ensure_home_there(settings: HubSettings, username: str) -> None:
    """Waits until it stands. Nothing happens for a seat on the hub's own host.

    Raises CopyFailed: then the server must not start, or work would begin on an empty home.
    """
    desk = BackupDesk(settings)
    seat = desk.placement(username)
    if seat is not None:
        bring_home(desk, seat)


def bring_home(desk: BackupDesk, seat: Placement) -> bool:
    """The seat's newest copy, or its archive of the last workshop. True when it was brought."""
    archive = desk.settings.state_home / "archive"
    shelf = desk.shelf(seat.username)
    ensure_copy_from_archive(shelf, Owner(seat.uid, seat.uid), archive)
    restored = ensure_restored(desk.order(seat, HOME_SECONDS))
    newest = shelf.newest
    if restored.outcome == "restored" and newest and newest.about.host != ARCHIVED:
        _note_replaced(desk.settings, seat, restored)
    return restored.outcome == "restored"


def _note_replaced(settings: HubSettings, seat: Placement, restored: Restored) -> None:
    """Another machine is in the place of the seat's host: its attendee reads it."""
    now = datetime.now(UTC)
    move = Move(seat.username, seat.host, seat.host, now, "moved", restored.at, now)
    change_moves(settings.hub_folder, lambda moves: moves.with_moves([move]))
