"""Files that appear whole or not at all, and are never replaced."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hub_config.exchange.errors import Refused, StoreFull, TooLarge


@contextlib.contextmanager
def full_disk_is_refused() -> Iterator[None]:
    """Turn "no space left" into a refusal that a person can act on."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StoreFull(
            "The disk that keeps submissions is full. Nothing of this upload was kept.",
            next_step="Tell the instructor: space has to be freed, then submit again.",
        ) from error


def ensure_folder(folder: Path) -> None:
    """Make a folder and its parents, each of them durable before it is used."""
    if folder.is_dir():
        return
    ensure_folder(folder.parent)
    # Another thread may make it at the same time.
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(source: Path, target: Path) -> None:
    """Give a finished, synced file its name. An existing name is an error, never replaced.

    A rename would replace silently, so the name is made by a hard link.
    """
    os.link(source, target)
    try:
        sync_folder(target.parent)
    except OSError:
        target.unlink()
        raise
    source.unlink(missing_ok=True)


def write_new(target: Path, data: bytes, scratch: Path) -> None:
    """Write a small file through `scratch`, so that it appears whole."""
    incoming = Incoming(scratch, limit=len(data))
    try:
        incoming.write(data)
        publish(incoming.finish().path, target)
    finally:
        incoming.discard()


@dataclass(frozen=True)
class Upload:
    """Bytes that have arrived, are on the disk, and have no name yet."""

    path: Path
    sha256: str
    size: int


class Incoming:
    """Bytes on their way in: counted, hashed, kept in `scratch` until they have a name."""

    def __init__(self, scratch: Path, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._hash = hashlib.sha256()
        self._path = scratch / secrets.token_hex(16)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with full_disk_is_refused():
            self._file = os.fdopen(os.open(self._path, flags, 0o400), "wb")

    def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._limit:
            raise too_large(self._limit)
        self._hash.update(chunk)
        with full_disk_is_refused():
            self._file.write(chunk)

    def finish(self, *, sha256: str | None = None, size: int | None = None) -> Upload:
        """Make the bytes durable; refuse them if they aren't the announced ones."""
        with full_disk_is_refused():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        digest = self._hash.hexdigest()
        if (sha256 or digest) != digest or (self._size if size is None else size) != self._size:
            raise Refused(
                "The upload isn't what was announced: its sha256 or its size differs.",
                next_step="Submit again.",
            )
        return Upload(self._path, digest, self._size)

    def discard(self) -> None:
        """Forget bytes that got no name. Harmless after they got one."""
        # Closing flushes, which fails again on a full disk.
        with contextlib.suppress(OSError):
            self._file.close()
        self._path.unlink(missing_ok=True)


def too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The upload is larger than the limit of {limit / 1_000_000:g} MB.",
        next_step="Remove large files (data, models, outputs) from the folder and submit again.",
    )
