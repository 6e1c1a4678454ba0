"""Work comes home before hosts end: one archive on the instructor's computer, read back whole."""

from __future__ import annotations

import hashlib
import os
import shlex
import tarfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from hub_config.grading_process import Progress
from hub_config.hub_host.hub_host import HubHost
from hub_config.hub_host.layout import CURRENT, LIBRARY, PYTHON
from provisioning.errors import StepFailed
from provisioning.folders import sync_folder
from provisioning.paths import StatePaths

#: What a workshop is worth, below its folder: packed homes, submissions and feedback, nbgrader's
#: course with its gradebook, reports, who had which seat.
HARVEST: Final = ("archive", "exchange", "course", "reports", "seats.json")
_SECONDS = 4 * 3600.0
_REPORT_SECONDS = 600.0


class WorkDamaged(StepFailed):
    """What arrived is not what was sent. The hosts were left alone."""


def harvest(hub: HubHost, paths: StatePaths, now: datetime, progress: Progress) -> Path:
    """Everything that people made, in one archive here; verified, or WorkDamaged.

    The class must be down. May be repeated: an archive is never replaced by another.
    """
    paths.archive.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = paths.archive / f"{paths.workshop}-{now:%Y%m%dT%H%M%SZ}.tar.gz"
    _fetch(hub, HARVEST, target, progress, seconds=_SECONDS)
    return target


def fetch_reports(hub: HubHost, paths: StatePaths) -> Path:
    """The reports as they are there, in this computer's folder of reports."""
    paths.reports.mkdir(parents=True, exist_ok=True)
    packed = paths.reports / ".fetched.tar.gz"
    try:
        _fetch(hub, ("reports",), packed, lambda *at: None, seconds=_REPORT_SECONDS)
        with tarfile.open(packed) as tar:
            for member in tar.getmembers():
                inside = Path(member.name)
                if member.isfile() and inside.parts[0] == "reports":
                    _take(tar, member, paths.reports / Path(*inside.parts[1:]))
    finally:
        packed.unlink(missing_ok=True)
    return paths.reports


def _take(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = tar.extractfile(member)
    if source is not None and ".." not in target.parts:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read())


def _fetch(
    hub: HubHost, names: tuple[str, ...], target: Path, progress: Progress, *, seconds: float
) -> None:
    part = target.with_name(f".{target.name}.part")
    try:
        said = _download(hub, names, part, progress, seconds)
        members = _read_back(part)
        if said != (_sha256(part), members):
            raise WorkDamaged(
                f"The work of {hub.workshop} arrived damaged; on the hosts nothing was changed",
                next_step="repeat `workshop down`",
            )
        part.replace(target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _download(
    hub: HubHost, names: tuple[str, ...], part: Path, progress: Progress, seconds: float
) -> tuple[str, int]:
    """What the sender says of it: sha256 and number of members."""
    command = ["env", f"PYTHONPATH={LIBRARY / CURRENT}", str(PYTHON)]
    command += ["-m", "hub_config.hub_host.pack", str(hub.paths.home), *names]
    done = 0
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with (
        os.fdopen(descriptor, "wb") as file,
        hub.connection.talk(shlex.join(command), seconds=seconds) as talk,
    ):
        while said := talk.read():
            file.write(said)
            done += len(said)
            progress("fetch", 0, 1, f"{done / 1e6:.1f} MB")
        ended = talk.finish()
        file.flush()
        os.fsync(file.fileno())
    words = ended.stderr.decode(errors="replace").split()
    if ended.status != 0 or len(words) < 2:
        raise StepFailed(
            f"The hub host could not pack the work: {' '.join(words)[-300:] or 'no word'}",
            next_step="repeat `workshop down`",
        )
    progress("fetch", 1, 1, f"{done / 1e6:.1f} MB")
    return words[-2], int(words[-1])


def _read_back(part: Path) -> int:
    """How many members can be read to their end."""
    try:
        with tarfile.open(part) as tar:
            return sum(1 for _ in _whole(tar))
    except (tarfile.TarError, EOFError, OSError):
        return -1


def _whole(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    yield from tar


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
