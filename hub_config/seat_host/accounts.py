"""Who a seat is, without an account on the host: its jail has a passwd file of its own.

So a host needs no useradd for three hundred seats, and no attendee reads the others' names.
"""

from __future__ import annotations

import pwd
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hub_config.seat_host.warm.entering import Account

#: Above every account that people and packages make; the rest are other seats'.
_LAST_SYSTEM_ID = 999
_NOBODY = "nobody"


@dataclass(frozen=True)
class AccountFiles:
    """/etc/passwd and /etc/group as one seat sees them."""

    passwd: str
    group: str


def account_of(uid: int) -> Account:
    """The seat's ids. Its group has the same number, unless the host knows an account."""
    try:
        return Account(uid, pwd.getpwuid(uid).pw_gid)
    except KeyError:
        return Account(uid, uid)


def account_files(username: str, account: Account, etc: Path = Path("/etc")) -> AccountFiles:
    """The host's system accounts and the seat's own line."""
    passwd = [*_system(etc / "passwd"), _passwd_line(username, account)]
    group = [*_system(etc / "group"), f"{username}:x:{account.gid}:"]
    return AccountFiles(_text(passwd), _text(group))


def _passwd_line(username: str, account: Account) -> str:
    return f"{username}:x:{account.uid}:{account.gid}::/home/{username}:/bin/bash"


def _system(file: Path) -> list[str]:
    lines = (line.split(":") for line in file.read_text().splitlines())
    return [
        ":".join(fields)
        for fields in lines
        if len(fields) > 2
        and fields[2].isdigit()
        and (int(fields[2]) <= _LAST_SYSTEM_ID or fields[0] == _NOBODY)
    ]


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
