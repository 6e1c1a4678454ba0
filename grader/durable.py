"""Files and folders that are either whole or not there, whenever the process is killed."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Names of half-made things begin with it; nobody else reads or lists them.
PARTIAL = ".partial-"


def write_text(file: Path, text: str) -> None:
    """Replace a file in one step, on disk before we go on."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=PARTIAL, dir=file.parent)
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(partial).chmod(0o644)
        Path(partial).replace(file)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; at the end it takes the place of `folder`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent)
    fresh = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=folder.parent))
    fresh.chmod(0o755)
    try:
        yield fresh
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=folder.parent))
            folder.rename(old / "old")
        fresh.rename(folder)
    finally:
        _sweep(folder.parent)


def _sweep(parent: Path) -> None:
    """Remove what a killed run left half-made."""
    for left in parent.glob(f"{PARTIAL}*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def folder_digest(folder: Path) -> str:
    """sha256 over names and bytes of the regular files below a folder; links are named only."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        total.update(str(path.relative_to(folder)).encode(errors="surrogateescape") + b"\0")
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def text_digest(*parts: str) -> str:
    """sha256 of a sequence of texts, in which no two different sequences look alike."""
    total = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        total.update(len(encoded).to_bytes(8, "big") + encoded)
    return total.hexdigest()


def file_digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
