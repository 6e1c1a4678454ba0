"""Before a seat's server starts on a host: the right home stands there.

Most often it does, and asking costs one short connection; a seat that was never copied costs
nothing. After a host was replaced, this is where everybody's work comes back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hub_config.backup.archives import ARCHIVED, ensure_copy_from_archive
from hub_config.backup.desk import BackupDesk
from hub_config.backup.errors import CopyFailed
from hub_config.backup.restoring import Restored, ensure_restored
from hub_config.fleet.moves import Move, change_moves, read_moves
from hub_config.fleet.seat_map import Placement
from hub_config.install import Owner
from hub_config.settings import HubSettings

#: How long one home may take, in seconds.
HOME_SECONDS = 600.0
#: From the moment at which a host is left until it is ended, at most.
LEAVING = timedelta(minutes=2)


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
    of_a_copy = newest is not None and newest.about.host != ARCHIVED
    note_home(desk.settings, seat, restored, of_a_copy=of_a_copy)
    return restored.outcome == "restored"


def note_home(
    settings: HubSettings, seat: Placement, restored: Restored, *, of_a_copy: bool
) -> None:
    """What the attendee has to read about her home, by what was found or done on her host.

    Raises CopyFailed when it is a machine that is about to be replaced.
    """
    leaving = _leaving(settings, seat)
    if leaving and restored.outcome == "there":
        _stay(settings, leaving)
    elif leaving or (restored.outcome == "restored" and of_a_copy):
        _note_replaced(settings, seat, restored, leaving)


def _leaving(settings: HubSettings, seat: Placement) -> Move | None:
    """That the machine of this seat's host is being replaced; see hub_config/fleet/leaving.py."""
    move = read_moves(settings.hub_folder).of(seat.username)
    if move is None or move.state == "moved" or not seat.host == move.lost == move.to:
        return None
    return move


def _stay(settings: HubSettings, leaving: Move) -> None:
    """It is the old machine that is still there. Raises CopyFailed: what would be done on it now
    would be lost. Only when nobody has ended it for long, its seats go on there."""
    if datetime.now(UTC) - leaving.noticed_at < LEAVING:
        raise CopyFailed(f"{leaving.lost} is about to be replaced; its last copy was taken")
    change_moves(settings.hub_folder, lambda moves: moves.without(leaving.username))


def _note_replaced(
    settings: HubSettings, seat: Placement, restored: Restored, leaving: Move | None
) -> None:
    """Another machine is in the place of the seat's host: its attendee reads it."""
    now = datetime.now(UTC)
    before = leaving or Move(seat.username, seat.host, seat.host, now)
    move = replace(before, state="moved", copy_at=restored.at, done_at=now)
    change_moves(settings.hub_folder, lambda moves: moves.with_moves([move]))
