"""What both versions of cgroups share: folders whose files are limits and lists of processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from provisioning.errors import StepFailed

# Files of the kernel appear with the folder, so a folder with these names is a cgroup.
PROCESSES = "cgroup.procs"

_END_SECONDS = 10.0


def mounts(kind: str) -> Iterator[tuple[Path, frozenset[str]]]:
    """Where file systems of this kind are mounted, with their options."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        filesystem, _, options = after.split(" ", 2)
        if filesystem == kind:
            yield Path(before.split()[4]), frozenset(options.split(","))


def can_make_groups(folder: Path) -> bool:
    """Try it: permissions alone don't tell, for root may meet a read-only mount."""
    # Who has our number in another container may be trying here, too, or have left its try.
    probe = folder / f"workshop-probe-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        probe.mkdir()
    except OSError:
        return False
    probe.rmdir()
    return True


def write(file: Path, value: object) -> None:
    """Set one limit."""
    try:
        file.write_text(f"{value}\n")
    except OSError as error:
        raise StepFailed(
            f"the limit {file} can't be set to {value}: {error.strerror}",
            next_step="stop the seat, or choose a higher limit, and try again",
        ) from error


def number(file: Path) -> int:
    """The number in a file of the kernel; 0 if the group is gone."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0


def field(file: Path, key: str) -> int:
    """One number of a file with `key number` lines; 0 if it isn't there."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{key} ")), 0)


def processes(folders: Sequence[Path]) -> set[int]:
    """Every process in these groups."""
    found: set[int] = set()
    for folder in folders:
        with suppress(OSError):
            found |= {int(pid) for pid in (folder / PROCESSES).read_text().split()}
    return found


def end_all(folders: Sequence[Path]) -> None:
    """Kill what runs in the groups, which may not fork any more, and remove them."""
    deadline = time.monotonic() + _END_SECONDS
    while left := processes(folders):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise StepFailed(
                f"processes in {folders[0]} can't be ended: {sorted(left)}",
                next_step="look at them with ps, then run the same command again",
            )
        time.sleep(0.02)
    for folder in folders:
        _remove(folder, deadline)


def _remove(folder: Path, deadline: float) -> None:
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # a process that has ended is still being cleared away
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def subgroups(folder: Path) -> tuple[str, ...]:
    """The names of the groups below one."""
    try:
        return tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir()))
    except FileNotFoundError:
        return ()
