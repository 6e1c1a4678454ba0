"""A home on another host: the newest copy, brought there before the seat's server starts.

It never overwrites work. A home that is there and is the one we know is left alone, so calling
this again, or after it was killed, is fine; any other home that is there is set aside.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from hub_config.backup.copying import CopyOrder
from hub_config.backup.jail import INSIDE, Jail
from hub_config.backup.marks import Marks, new_mark, read_marks, write_marks
from hub_config.backup.snapshots import Snapshot
from hub_config.backup.transfer import OPTIONS, PARTLY, THERE, Transfer

#: `there`: the right home is on the host already. `nothing`: no copy was ever made.
Outcome = Literal["there", "restored", "nothing"]


@dataclass(frozen=True)
class Restored:
    """`at`: what was there then is back; None when nothing was brought."""

    outcome: Outcome
    at: datetime | None = None
    partly: bool = False


def ensure_restored(order: CopyOrder) -> Restored:
    """The right home stands on `order.home.host`. No server of the seat may run there meanwhile.

    Raises CopyFailed (HostSilent, TooSlow); what is on the host is as it was then.
    """
    home, shelf = order.home, order.shelf
    with shelf.held():
        marks, newest = read_marks(shelf), shelf.newest
        if newest is None:
            return Restored("nothing")
        there = home.mark()
        if there in marks.known:
            # It stood before we were killed, or it never went away.
            write_marks(shelf, Marks(mark=there))
            return Restored("there", newest.about.at)
        marks = write_marks(shelf, Marks(mark=marks.mark, bringing=new_mark()))
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        home.make_room(stamp)
        status = _bring(order, newest, stamp)
        home.put(marks.bringing, stamp)
        write_marks(shelf, Marks(mark=marks.bringing))
        return Restored("restored", newest.about.at, partly=status in PARTLY)


def _bring(order: CopyOrder, newest: Snapshot, stamp: str) -> int:
    until = time.monotonic() + order.seconds
    jail = Jail(order.home.account, newest.files, writable=False)
    return Transfer(
        jail.command(),
        ["--recursive", *OPTIONS, f"{INSIDE}/", f"{THERE}:{INSIDE}/"],
        lambda rsync: order.home.receiver(rsync, until, stamp),
        0,
        until,
    ).run()
