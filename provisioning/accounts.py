"""One UNIX account per seat, when we are root. The account's comment says whose it is."""

from __future__ import annotations

import grp
import os
import pwd
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from provisioning.errors import AlreadyTaken, StepFailed

PREFIX = "ws-"
# Our own services begin with an underscore, which no roster name can.
_USERNAME = re.compile(r"[a-z_][a-z0-9-]{0,23}")
_NO_LOGIN = "/usr/sbin/nologin"

# How long processes get to end by themselves, and how long we then insist.
_GRACE_SECONDS = 2.0
_INSIST_SECONDS = 10.0


@dataclass(frozen=True)
class Account:
    """A seat's UNIX account."""

    name: str
    uid: int
    gid: int


def account_name(username: str) -> str:
    """The account of a hub user. ValueError for a name that never came from a roster."""
    if not _USERNAME.fullmatch(username):
        raise ValueError(f"not a username: {username!r}")
    return PREFIX + username


def ensure_account(username: str, *, workshop: str, home: Path) -> Account:
    """The account of `username`, made unless it is there; AlreadyTaken if it isn't ours.

    The home is only recorded: the caller makes the folder. A half-made account is completed.
    """
    name = account_name(username)
    found = _find(name)
    if found is None:
        _make(name, workshop, home)
    else:
        _refuse_foreign(found, workshop)
        _complete(found, home)
    made = pwd.getpwnam(name)
    return Account(name, made.pw_uid, made.pw_gid)


def remove_account(username: str, *, workshop: str) -> None:
    """Remove the account and its group, whichever of the two are left. Files stay."""
    name = account_name(username)
    if found := _find(name):
        _refuse_foreign(found, workshop)
        ensure_no_processes(Account(name, found.pw_uid, found.pw_gid))
        # Without --force: an account that is in use again is an error, not a detail.
        _run("userdel", name)
    if _has_group(name) and not _is_used(grp.getgrnam(name).gr_gid):
        _run("groupdel", name)


def accounts_of(workshop: str) -> tuple[Account, ...]:
    """Every account of this workshop, also those that no file of ours remembers."""
    return tuple(
        Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
        for entry in sorted(pwd.getpwall(), key=lambda entry: entry.pw_name)
        if entry.pw_name.startswith(PREFIX) and entry.pw_gecos == account_comment(workshop)
    )


def ensure_no_processes(account: Account) -> None:
    """End every process of the account: a request first, then by force, within seconds."""
    if account.uid == 0 or not account.name.startswith(PREFIX):
        raise ValueError(f"{account.name} is not a seat's account")
    _signal_all(account.uid, signal.SIGTERM)
    if _gone_within(account.uid, _GRACE_SECONDS):
        return
    # Again and again: what is being started while we look is caught in the next round.
    deadline = time.monotonic() + _INSIST_SECONDS
    while time.monotonic() < deadline:
        _signal_all(account.uid, signal.SIGKILL)
        if _gone_within(account.uid, 0.1):
            return
    left = ", ".join(str(pid) for pid in _processes_of(account.uid))
    raise StepFailed(
        f"processes of {account.name} can't be ended: {left}",
        next_step=f"look at them with `ps -u {account.name}`, then run the same command again",
    )


def account_comment(workshop: str) -> str:
    """What the accounts of a workshop have in their comment field, and no others."""
    return f"workshop {workshop}"


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _has_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _is_used(gid: int) -> bool:
    return any(entry.pw_gid == gid for entry in pwd.getpwall())


def _refuse_foreign(found: pwd.struct_passwd, workshop: str) -> None:
    if found.pw_gecos == account_comment(workshop):
        return
    owner = found.pw_gecos or "somebody else"
    raise AlreadyTaken(
        f"the account {found.pw_name} exists and belongs to {owner}",
        next_step=f"take the other workshop down first, or give {found.pw_name[len(PREFIX) :]} "
        "another username in the roster",
    )


def _make(name: str, workshop: str, home: Path) -> None:
    # The group of an account that was killed half-made, or half-removed, is used again.
    group = ["--gid", name] if _has_group(name) else ["--user-group"]
    _run(
        "useradd", "--no-create-home", "--no-log-init", "--home-dir", str(home),
        "--shell", _NO_LOGIN, "--comment", account_comment(workshop), *group,
        # No ranges of subordinate ids: a seat needs one id.
        "-K", "SUB_UID_COUNT=0", "-K", "SUB_GID_COUNT=0", name,
    )  # fmt: skip


def _complete(found: pwd.struct_passwd, home: Path) -> None:
    if not _has_group(found.pw_name):
        _run("groupadd", "--gid", str(found.pw_gid), found.pw_name)
    if found.pw_dir != str(home) or found.pw_shell != _NO_LOGIN:
        _run("usermod", "--home", str(home), "--shell", _NO_LOGIN, found.pw_name)


def _run(*command: str) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if finished.returncode != 0:
        said = (finished.stderr or finished.stdout).strip()
        raise StepFailed(
            f"`{' '.join(command)}` failed with status {finished.returncode}: {said}",
            next_step="correct what it says, then run the same command again",
        )


def _processes_of(uid: int) -> Iterator[int]:
    """Processes that run, or could run again, under `uid`."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and uid in _uids(folder):
            yield int(folder.name)


def _uids(process: Path) -> tuple[int, ...]:
    """The user ids of a living process; none for one that has ended."""
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return ()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    if fields["State"].split()[0] in "ZX":
        return ()
    return tuple(int(uid) for uid in fields["Uid"].split())


def _signal_all(uid: int, signum: signal.Signals) -> None:
    for pid in _processes_of(uid):
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            # Look again: the number may have passed to somebody else's process meanwhile,
            # but the handle can't.
            if uid in _uids(Path("/proc", str(pid))):
                signal.pidfd_send_signal(handle, signum)
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)


def _gone_within(uid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(_processes_of(uid)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
