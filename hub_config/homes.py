"""Attendees' work: a home per seat while the workshop runs, an archive per seat when it is down.

    archive/homes-20261201T170000Z/ada.tar.gz
    archive/homes-20261201T170000Z/eve/         a home that could not be packed, as it was

One file per seat, so that one broken home keeps nobody else's from being packed, and a person
can be given her own. GNU tar packs and unpacks: it copes with what attendees make on purpose,
folders a thousand levels deep and files of a terabyte of nothing.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from hub_config.install import Owner, ensure_folder
from provisioning.errors import StepFailed
from provisioning.folders import sync_folder

PRIVATE = 0o700
#: Messages in the language that we compare with; nothing else of the caller's environment.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
#: Caches that a program makes again; not anybody's work.
NOT_WORK = (".cache", ".ipython", ".npm")
#: A home that takes longer was made to take longer.
PACK_SECONDS = 600
#: A path can be made longer, step by step, than any program can open in one go. Such files are
#: in the archive all the same, but they can't be unpacked: the rest of the home can.
_CAN_NOT_BE_UNPACKED = ("File name too long", "Exiting with failure status")


def ensure_home(homes: Path, username: str, owner: Owner | None, archive: Path) -> None:
    """The seat's home, with the work of its last run if there was one."""
    home = homes / username
    last = latest(archive, username)
    if last is not None and last.is_dir() and not home.is_dir():
        last.rename(home)
    if home.is_dir():
        _ensure_owner(home, owner)
        return
    scratch = homes / f".{username}.new"
    _remove(scratch)
    ensure_folder(scratch, PRIVATE, owner)
    if last is not None:
        _unpack(last, scratch, owner)
    ensure_folder(scratch / username, PRIVATE, owner)
    (scratch / username).rename(home)
    scratch.rmdir()


def archive_homes(homes: Path, archive: Path, now: datetime) -> Path | None:
    """Pack every home, read it back, and only then remove it; returns the archive's folder.

    None when there is nothing to pack. Killed at any moment, each seat's work is in its home,
    in its newest archive, or in both. A home that can't be packed, because the disk is full or
    because its owner saw to that, is moved into the archive as it is.
    """
    for unfinished in (*homes.glob(".*"), *archive.glob("homes-*/*.part")):
        _remove(unfinished)
    seats = sorted(path for path in homes.iterdir() if path.is_dir())
    if not seats:
        return None
    folder = archive / f"homes-{now:%Y%m%dT%H%M%SZ}"
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    for home in seats:
        _archive_home(home, folder)
    return folder


def latest(archive: Path, username: str) -> Path | None:
    """The newest archive of that seat's home; names of folders sort by time."""
    found = [*archive.glob(f"homes-*/{username}.tar.gz"), *archive.glob(f"homes-*/{username}")]
    return max(found, key=lambda path: path.parent.name, default=None)


def give(folder: Path, owner: Owner) -> None:
    """A folder with all that is in it, however deep. Links are given, not followed."""
    numbers = f"{owner.uid}:{owner.gid}"
    _run("chown", "--recursive", "--no-dereference", numbers, "--", str(folder))


def _archive_home(home: Path, folder: Path) -> None:
    target = folder / f"{home.name}.tar.gz"
    scratch = target.with_suffix(".part")
    try:
        _pack(home, scratch)
        scratch.replace(target)
    except (OSError, StepFailed):
        scratch.unlink(missing_ok=True)
        home.rename(folder / home.name)
        return
    sync_folder(folder)
    # Out of sight in one step: half a home must never be packed as if it were the whole.
    removed = home.with_name(f".{home.name}.removed")
    home.rename(removed)
    _remove(removed)


def _pack(home: Path, target: Path) -> None:
    """Symbolic links stay links: one to somewhere else must not pull that place in."""
    if os.geteuid() != 0:
        # Root reads everything; an ordinary user reads what it has not closed to itself.
        _run("chmod", "--recursive", "u+rwX", "--", str(home))
    # Removed rather than left out: tar compares every path with every pattern, and on very
    # deep folders that takes it minutes.
    for name in NOT_WORK:
        _remove(home / name)
    pack = ["tar", "--create", "--sparse", "--use-compress-program=gzip -3", f"--file={target}"]
    # Not readable by others from its first byte on.
    _run(*pack, f"--directory={home.parent}", "--", home.name, umask=0o077)
    _run("tar", "--list", "--gzip", f"--file={target}")
    with target.open("rb") as stream:
        os.fsync(stream.fileno())


def _unpack(archive: Path, folder: Path, owner: Owner | None) -> None:
    """As the seat's own account: what attendees packed can't reach further than they could."""
    identity: Sequence[str] = ()
    if owner is not None and owner.uid != os.geteuid():
        numbers = (f"--reuid={owner.uid}", f"--regid={owner.gid}")
        identity = ("setpriv", *numbers, "--clear-groups", "--")
    with archive.open("rb") as stream:
        done = subprocess.run(
            [*identity, "tar", "--extract", "--gzip", "--file=-"],
            cwd=folder,
            stdin=stream,
            capture_output=True,
            umask=0o022,
            env=_ENVIRONMENT,
            check=False,
        )
    said = done.stderr.decode(errors="replace").splitlines()
    serious = [line for line in said if not any(part in line for part in _CAN_NOT_BE_UNPACKED)]
    if done.returncode != 0 and (serious or not said):
        raise StepFailed(
            f"{archive} could not be unpacked: {' '.join(serious)[-300:]}",
            next_step="make room and run `workshop up` again; the archive is untouched",
        )


def _ensure_owner(home: Path, owner: Owner | None) -> None:
    """An account that was made anew may have another number."""
    if owner is not None and home.stat().st_uid != owner.uid:
        give(home, owner)


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    if not path.exists():
        return
    if os.geteuid() != 0:
        _run("chmod", "--recursive", "u+rwX", "--", str(path))
    _run("rm", "--recursive", "--force", "--one-file-system", "--", str(path))


def _run(*command: str, umask: int = -1) -> None:
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            umask=umask,
            env=_ENVIRONMENT,
            timeout=PACK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StepFailed(f"{command[0]} took more than {PACK_SECONDS} s") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise StepFailed(said[-300:] or f"{command[0]} ended with status {done.returncode}")
