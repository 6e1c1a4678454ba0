"""Whether a wish for thirty minutes more is granted. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from hub_config.extending.records import STEP, Extensions, Wish

#: An older wish was left by somebody who has not seen it granted: the room is further by now.
FRESH: Final = timedelta(minutes=2)
ON_THE_COMPUTER = "On the computer that brought the workshop up, `workshop extend 30` still works."


def times_left(allowed: timedelta, known: Extensions) -> int:
    """How often staff may still press the button."""
    return max(0, (allowed - known.given) // STEP)


def refusal(wish: Wish, own: datetime | None, left: int, now: datetime) -> str:
    """Why nothing is moved, in words; "" when it is granted. `own`: when this host ends itself.

    A deadline that was moved already, and of which no record tells, is one at which we were
    killed: then it goes on.
    """
    if own is None:
        return "nothing was moved: this host does not end itself"
    if own == wish.deadline + STEP:
        return ""
    if now - wish.at > FRESH:
        return "nothing was moved: the wish was too old when it was read"
    if own != wish.deadline:
        return "nothing was moved: the time has changed meanwhile; look again"
    if left == 0:
        return f"nothing was moved: staff have given what they may. {ON_THE_COMPUTER}"
    return ""
