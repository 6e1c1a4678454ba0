"""The timer at which a host ends itself: the text of its unit, and how it is moved.

Its file is the only place on the host that knows the time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

TIMER_FILE: Final = "/etc/systemd/system/workshop-deadline.timer"
_CALENDAR = re.compile(r"^OnCalendar=([\d-]+ [\d:]+) UTC$", re.MULTILINE)

#: For a shell of root: `$timer.new` becomes `$timer`, and is armed. Never back: somebody else may
#: have moved it further meanwhile. It goes on when the connection is lost: a host whose timer is
#: not armed would never end.
MOVE_TIMER: Final = r"""
ends() { date -d "$(sed -n 's/^OnCalendar=//p' "$1")" +%s; }
arm() {
    systemctl daemon-reload && systemctl restart workshop-deadline.timer &&
        systemctl is-active workshop-deadline.timer
}
if [ "$(ends "$timer.new")" -lt "$(ends "$timer")" ]; then rm "$timer.new"; exit 0; fi
cp "$timer" "$timer.before" && mv "$timer.new" "$timer" && sync "$timer" || exit 1
if arm; then rm "$timer.before"; exit 0; fi
mv "$timer.before" "$timer"
arm
exit 1
"""


def deadline_timer(deadline: datetime) -> str:
    """The text of TIMER_FILE, for a first boot and for a moved deadline.

    A host that was stopped over its deadline ends half an hour after it starts again, unless
    the deadline is moved by then.
    """
    at = deadline.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"""\
[Unit]
Description=When this host ends itself
[Timer]
OnCalendar={at}
OnBootSec=30min
AccuracySec=1s
[Install]
WantedBy=timers.target
"""


def timer_deadline(text: str) -> datetime | None:
    """What `deadline_timer` wrote; None for what it did not."""
    at = _CALENDAR.search(text)
    try:
        return datetime.strptime(at[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) if at else None
    except ValueError:
        return None
