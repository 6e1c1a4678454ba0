"""The author's data files, where a jailed account can read them.

As an ordinary user the jailed processes have this user's rights to files and see the folder
itself. As root they are accounts of their own, so they see a copy that everybody may read,
made once per content.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path


class Stage:
    """Copies of data folders, kept as long as the engine lives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def show(self, data: Path) -> Path:
        """The folder to show for `data`."""
        if os.geteuid() != 0:
            return data
        copy = self._folder / _fingerprint(data)
        if not copy.exists():
            half = copy.with_suffix(f".{os.getpid()}-{os.urandom(4).hex()}")
            shutil.copytree(data, half, symlinks=False, ignore=_links)
            for path in (half, *half.rglob("*")):
                path.chmod(0o755 if path.is_dir() else 0o644)
            try:
                half.rename(copy)
            except OSError:  # another thread was faster
                shutil.rmtree(half, ignore_errors=True)
        return copy

    def clear(self) -> None:
        """Remove every copy."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256(str(folder.resolve()).encode())
    for path in sorted(folder.rglob("*")):
        facts = path.lstat()
        digest.update(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}\0{facts.st_ino}\n".encode())
    return digest.hexdigest()[:32]


def _links(folder: str, names: list[str]) -> set[str]:
    """Links are left out: they could lead anywhere."""
    return {name for name in names if Path(folder, name).is_symlink()}
