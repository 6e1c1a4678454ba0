"""Control groups for the slots, where this account may make them: memory and processes.

They are made once per slot and used again by one submission after another. Without them the
watch and the resource limits hold alone.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from grader.sealed.limits import MEBI, Limits

_ROOT = Path("/sys/fs/cgroup")
#: What the warm libraries hold already, charged again to whoever touches it.
_ALLOWANCE_MEGABYTES = 512


@dataclass(frozen=True)
class GroupsOfSlot:
    """The groups that the student's processes of one slot enter."""

    paths: list[str]

    def reset(self) -> None:
        """Forget the largest use so far."""
        for path in self.paths:
            with contextlib.suppress(OSError):
                Path(path, "memory.max_usage_in_bytes").write_text("0")

    def remove(self) -> None:
        """Remove the groups; whatever is still in them is being killed."""
        for path in self.paths:
            with contextlib.suppress(OSError):
                Path(path).rmdir()


def remove_stale_groups() -> None:
    """Remove the groups of engines that were killed: nobody else will."""
    for folder in (_ROOT, *_folders_in(_ROOT)):
        for path in _folders_in(folder):
            prefix, owner, *_ = *path.name.split("-"), ""
            if prefix == "sealed" and owner.isdigit() and not Path("/proc", owner).exists():
                with contextlib.suppress(OSError):
                    path.rmdir()


def _folders_in(folder: Path) -> list[Path]:
    """None of a folder that is gone: other engines remove theirs meanwhile."""
    try:
        with os.scandir(folder) as entries:
            return [Path(entry) for entry in entries if entry.is_dir()]
    except OSError:
        return []


def make_groups(slot: int, limits: Limits) -> GroupsOfSlot:
    """The groups of one slot, as many as this machine and account allow."""
    # One process may have several engines, one for each environment.
    name = f"sealed-{os.getpid()}-{os.urandom(4).hex()}-{slot}"
    memory = (limits.memory_megabytes + _ALLOWANCE_MEGABYTES) * MEBI
    wanted = {
        _ROOT / "memory" / name: {"memory.limit_in_bytes": memory},
        _ROOT / "pids" / name: {"pids.max": limits.processes + 8},
    }
    if (_ROOT / "cgroup.controllers").exists():
        both = {"memory.max": memory, "memory.swap.max": 0, "pids.max": limits.processes + 8}
        wanted = {_ROOT / name: both}
    return GroupsOfSlot([str(path) for path, files in wanted.items() if _make(path, files)])


def _make(path: Path, files: dict[str, int]) -> bool:
    if not path.parent.is_dir():
        return False
    try:
        path.mkdir(exist_ok=True)
        for name, value in files.items():
            (path / name).write_text(str(value))
    except OSError:
        with contextlib.suppress(OSError):
            path.rmdir()
        return False
    return True
