"""What the class has cost so far and when its hosts end, from what the laptop told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hub_config.wall.facts import Fleet

#: From here on the deadline is shown as something to act on.
SOON = timedelta(minutes=30)


@dataclass(frozen=True)
class MoneyNow:
    """In words; `deadline` is None where nothing ends by itself."""

    so_far: str
    hourly: str
    without: str
    deadline: datetime | None
    left: str
    soon: bool


def money_now(fleet: Fleet, now: datetime) -> MoneyNow:
    spent = None
    if fleet.hourly and fleet.spent and fleet.at:
        hours = max(0.0, (now - fleet.at).total_seconds() / 3600)
        low, high = (
            then + hours * more for then, more in zip(fleet.spent, fleet.hourly, strict=True)
        )
        spent = (low, high)
    left = fleet.deadline - now if fleet.deadline else None
    return MoneyNow(
        so_far=dollars(*spent) if spent else "not known",
        hourly=f"{dollars(*fleet.hourly)} an hour" if fleet.hourly else "",
        without=f"without {', '.join(fleet.unpriced)}, of which no price is known"
        if fleet.unpriced
        else "",
        deadline=fleet.deadline,
        left="" if left is None else span(left),
        soon=left is not None and left < SOON,
    )


def dollars(low: float, high: float) -> str:
    """US dollars, or from and to where they differ by more than a cent."""
    if high - low < 0.01:
        return f"${high:,.2f}"
    return f"${low:,.2f} to ${high:,.2f}"


def span(time: timedelta) -> str:
    """A time as people say it: 42 min, 3 h 05 min."""
    minutes = int(time.total_seconds() // 60)
    if minutes < 0:
        return "past"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def age(time: timedelta) -> str:
    """How long ago something was, to the second while it is fresh."""
    seconds = max(0, int(time.total_seconds()))
    return f"{seconds} s" if seconds < 60 else span(time)
