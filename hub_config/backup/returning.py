"""Everybody's work where it belongs, when a workshop comes up on hosts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hub_config.backup.at_start import bring_home
from hub_config.backup.desk import BackupDesk
from hub_config.backup.errors import CopyFailed
from hub_config.fleet.seat_map import Placement

_AT_ONCE = 4


def bring_all(desk: BackupDesk, host: str = "") -> list[str]:
    """Seats on that host, or on all: the newest copy or archive, where the right home isn't
    there. Returns whose home was brought. Their servers must not run yet.

    Raises CopyFailed with everybody whose home could not be brought, after trying all.
    """
    problems: dict[str, str] = {}

    def bring(seat: Placement) -> bool:
        try:
            return bring_home(desk, seat)
        except CopyFailed as error:
            problems[seat.username] = error.message
            return False

    seats = [seat for seat in desk.away if host in ("", seat.host)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        done = list(pool.map(bring, seats))
    brought = [seat.username for seat, back in zip(seats, done, strict=True) if back]
    if problems:
        raise CopyFailed(
            f"The homes of {', '.join(sorted(problems))} could not be brought to their hosts: "
            f"{next(iter(problems.values()))}. Copies and archives are untouched",
            next_step="repeat the command",
        )
    return brought
