"""Pack a built environment into one archive: the same tree gives the same bytes.

Members are in the order of their names, owned by root, without times; files are copies of each
other rather than hard links. Beside the archive is its manifest, written after it.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from provisioning.environments.conda.build import Built
from provisioning.environments.conda.progress import Progress, quiet
from provisioning.environments.manifest import (
    Manifest,
    manifest_for,
    manifest_path,
    write_manifest,
)
from provisioning.environments.shipping.on_host.tree import LISTING, MARKER, listing, tree_sha256
from provisioning.errors import BadInput, StepFailed
from provisioning.folders import ensure_open_folder, locked, sync_folder

#: Close to the smallest for a quarter of the time of the default of other tools.
LEVEL = 3
_BLOCK = 1 << 20


def ensure_packed(built: Built, folder: Path, *, progress: Progress = quiet) -> Path:
    """The archive of `built` in `folder` (made if missing), with its manifest beside it.

    Nothing is done when they are there already. Raises StepFailed when the built tree is no
    longer what was built, or the disk is full; nothing half-written stays.
    """
    ensure_open_folder(folder)
    archive = folder / _described(built, 0, "0" * 64).archive
    with locked(folder / f".{archive.name}.lock"):
        if not _is_packed(built, archive):
            _Packing(built, archive, progress).pack()
    return archive


def _described(built: Built, size: int, sha256: str) -> Manifest:
    return Manifest(
        name=built.name,
        identity=built.identity,
        platform=built.platform,
        prefix=str(built.prefix),
        python=built.python,
        lock_sha256=built.lock_sha256,
        tree_sha256=built.tree_sha256,
        files=built.files,
        unpacked_bytes=built.unpacked_bytes,
        archive_bytes=size,
        archive_sha256=sha256,
        imports=built.imports,
        cuda=built.cuda,
    )


def _is_packed(built: Built, archive: Path) -> bool:
    """The manifest is written last, so it vouches for an archive of its size."""
    try:
        manifest = manifest_for(archive)
    except BadInput:
        return False
    expected = _described(built, manifest.archive_bytes, manifest.archive_sha256)
    size = archive.stat().st_size if archive.exists() else -1
    return manifest == expected and size == manifest.archive_bytes


class _Packing:
    def __init__(self, built: Built, archive: Path, progress: Progress) -> None:
        self._built = built
        self._archive = archive
        self._progress = progress
        self._unfinished = archive.with_name(f".{archive.name}.new")

    def pack(self) -> None:
        manifest_path(self._archive).unlink(missing_ok=True)
        try:
            self._check_tree()
            size, sha256 = self._write()
            self._unfinished.replace(self._archive)
            sync_folder(self._archive.parent)
            write_manifest(_described(self._built, size, sha256), self._archive.parent)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._disk_full() from error
            raise
        finally:
            self._unfinished.unlink(missing_ok=True)
        self._tell("packed", self._built.files)

    def _check_tree(self) -> None:
        self._tell("checking the tree", 0)
        found = tree_sha256(listing(self._built.folder))
        if found != self._built.tree_sha256:
            raise StepFailed(
                f"{self._built.folder} was changed after it was built; nothing was packed",
                next_step=f"remove it (rm -r {self._built.folder}) and build it again",
            )

    def _write(self) -> tuple[int, str]:
        """Size and sha256 of the archive."""
        import zstandard  # on a hub host, which packs nothing, it isn't there

        with self._unfinished.open("xb") as file:
            os.fchmod(file.fileno(), 0o644)
            out = _Hashing(file)
            writable = cast(IO[bytes], out)  # all of a file that is needed
            # As many threads as processors: their number doesn't change the bytes.
            compressor = zstandard.ZstdCompressor(
                level=LEVEL, threads=os.cpu_count() or 1, write_checksum=True
            )
            with (
                compressor.stream_writer(writable, closefd=False) as stream,
                tarfile.open(
                    fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT, bufsize=_BLOCK
                ) as tar,
            ):
                for number, path in enumerate(_paths(self._built.folder)):
                    _add(tar, self._built.folder, path)
                    if number % 500 == 0:
                        self._tell("packing", number)
            file.flush()
            os.fsync(file.fileno())
        return out.size, out.sha256.hexdigest()

    def _disk_full(self) -> StepFailed:
        folder = self._archive.parent
        free = shutil.disk_usage(folder).free
        return StepFailed(
            f"packing {self._built.name} filled the disk of {folder} ({free / 1e6:.1f} MB free "
            "now); nothing was left there",
            next_step="free some space, then run the same command again",
        )

    def _tell(self, what: str, done: int) -> None:
        label = f"{self._built.name} for {self._built.platform}: {what}"
        self._progress(label, done, self._built.files, "")


class _Hashing(io.RawIOBase):
    """A file that knows its size and hash while it is written."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        self.size += len(memoryview(data))
        return self._file.write(data)


def _paths(folder: Path) -> Iterator[str]:
    """Everything below `folder`, relative, folders before what is in them."""
    found = []
    for place, folders, files in os.walk(folder):
        found += [os.path.relpath(Path(place, name), folder) for name in (*folders, *files)]
    return iter(sorted(set(found) - {MARKER, LISTING}, key=os.fsencode))


def _add(tar: tarfile.TarFile, folder: Path, path: str) -> None:
    full = folder / path
    status = full.lstat()
    member = tarfile.TarInfo(path)
    member.uname = member.gname = "root"
    if stat.S_ISLNK(status.st_mode):
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, str(full.readlink()), 0o777
        tar.addfile(member)
    elif stat.S_ISDIR(status.st_mode):
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(member)
    else:
        member.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        member.size = status.st_size
        with full.open("rb") as file:
            tar.addfile(member, file)
