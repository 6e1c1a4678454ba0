"""How much room a build took, and how much is left where it writes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from provisioning.folders import nearest_existing


def uv_cache() -> Path:
    """Where uv keeps what it fetched; on a disk of its own, that one may be full."""
    return Path(os.environ.get("UV_CACHE_DIR") or Path.home() / ".cache/uv")


def free_bytes(path: Path) -> int:
    """Free on the disk of `path`, which need not exist yet."""
    return shutil.disk_usage(nearest_existing(path)).free


def size_of(folder: Path) -> int:
    """Bytes of all files below `folder`."""
    return sum(path.lstat().st_size for path in folder.rglob("*"))


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
