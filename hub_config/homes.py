"""Attendees' work: a home per seat while the workshop runs, an archive of all when it is down."""

from __future__ import annotations

import os
import shutil
import tarfile
from datetime import datetime
from pathlib import Path

from hub_config.install import Owner, ensure_folder
from provisioning.errors import StepFailed

PRIVATE = 0o700
#: Caches that a program makes again; not anybody's work.
NOT_WORK = frozenset({".cache", ".ipython", "__pycache__", ".npm"})


def ensure_home(homes: Path, username: str, owner: Owner | None, archive: Path) -> None:
    """The seat's home, with the work of the last run if there was one."""
    home = homes / username
    if home.is_dir():
        return
    scratch = homes / f".{username}.new"
    shutil.rmtree(scratch, ignore_errors=True)
    ensure_folder(scratch, PRIVATE)
    _restore(latest(archive), username, scratch)
    if owner is not None:
        _give(scratch, owner)
    scratch.rename(home)


def archive_homes(homes: Path, archive: Path, now: datetime) -> Path | None:
    """Pack all homes, prove that the archive reads back, and only then remove them.

    None when there is nothing to pack. Symbolic links are kept as links: a link that
    an attendee made to somewhere else must not pull that place in.
    """
    seats = sorted(path for path in homes.iterdir() if path.is_dir() and path.name[0] != ".")
    if not seats:
        return None
    archive.mkdir(parents=True, exist_ok=True)
    target = archive / f"homes-{now:%Y%m%dT%H%M%SZ}.tar.gz"
    scratch = target.with_suffix(".part")
    try:
        with tarfile.open(scratch, "w:gz", compresslevel=3) as tar:
            for home in seats:
                tar.add(home, arcname=home.name, filter=_work_only)
        _prove(scratch, {home.name for home in seats})
        with scratch.open("rb") as stream:
            os.fsync(stream.fileno())
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise StepFailed(
            f"The attendees' work could not be archived: {error}; the homes are untouched",
            next_step="make room and run `workshop down` again",
        ) from error
    scratch.chmod(0o600)
    scratch.replace(target)
    for home in seats:
        shutil.rmtree(home)
    return target


def latest(archive: Path) -> Path | None:
    """The newest archive of homes; names sort by time."""
    return max(archive.glob("homes-*.tar.gz"), default=None)


def _restore(archive: Path | None, username: str, home: Path) -> None:
    if archive is None:
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            top, _, rest = member.name.partition("/")
            # Regular files and folders only: what a link points at is not ours to judge.
            if top != username or not rest or not (member.isfile() or member.isdir()):
                continue
            target = home / rest
            if not target.resolve().is_relative_to(home.resolve()):
                continue
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            source = tar.extractfile(member)
            if source is not None:
                with source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy)


def _work_only(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if NOT_WORK.intersection(Path(member.name).parts):
        return None
    if not (member.isfile() or member.isdir() or member.issym()):
        return None
    return member


def _prove(archive: Path, names: set[str]) -> None:
    with tarfile.open(archive) as tar:
        found = {member.name.partition("/")[0] for member in tar}
    if found != names:
        raise OSError(f"{archive.name} holds {sorted(found)}, not {sorted(names)}")


def _give(folder: Path, owner: Owner) -> None:
    os.chown(folder, owner.uid, owner.gid)
    for path in folder.rglob("*"):
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
