"""A session belongs to one issue of a seat's code; when the code is reissued, it ends.

What counts as a session: the hub's cookie, every token made with it (single-user
servers and services keep one in a cookie of their own), and the running server, whose
open websockets nothing else can close. Work on disk stays.

Runs in the hub's environment.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from jupyterhub import orm

from hub_config.people import group_of
from hub_config.seats import Seat

ISSUE = "issue"
#: The issue of somebody who has no seat (any more).
NO_SEAT = 0


def user_info(seat: Seat) -> dict[str, Any]:
    """What the hub keeps with a user: the issue that the sessions belong to, a name to show."""
    return {"name": seat.name, "display_name": seat.name, "seat": seat.number, ISSUE: seat.issue}


def current_issue(seat: Seat | None) -> int:
    return NO_SEAT if seat is None or seat.removed else seat.issue


def is_stale(user: Any, seat: Seat | None) -> bool:
    """Whether the user may have sessions of an older code."""
    recorded = (user.user_info or {}).get(ISSUE)
    current = current_issue(seat)
    if recorded is None:  # never logged in; an organiser may have started the server
        return current == NO_SEAT
    return bool(recorded != current)


def end_sessions(db: Any, user: orm.User, seat: Seat | None) -> None:
    """Void cookie, tokens and pending authorisations, and note the issue from which to go on.

    One transaction: a hub that dies in it repeats it, one that dies after it need not.
    """
    user.cookie_id = orm.new_token()
    for token in list(user.api_tokens):
        db.delete(token)
    for code in list(user.oauth_codes):
        db.delete(code)
    user.user_info = {**(user.user_info or {}), ISSUE: current_issue(seat)}
    db.commit()


def sync_groups(user: Any, seat: Seat | None) -> None:
    """One group per role, so that the hub's roles follow the roster."""
    user.sync_groups([] if seat is None or seat.removed else [group_of(seat.role)])


async def stop_servers(proxy: Any, user: Any, log: logging.Logger) -> None:
    """Stop what runs for the user, once it has finished starting or stopping."""
    for name, spawner in list(user.spawners.items()):
        while spawner.pending:
            await asyncio.sleep(0.5)
        if spawner.active:
            log.warning("Stopping the server of %s: the seat's code changed", user.name)
            await proxy.delete_user(user, name)
            await user.stop(name)
