"""From an archive to the files of an environment, hashed while they are written."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from . import tree
from .durable import swap, sync_disk_of, sync_folder, write_whole
from .folders import disk_full
from .order import Layout, Order
from .voice import Refused
from .zstd import Damaged, ZstdReader

_READ_BYTES = 1 << 20

#: How many of the archive's files are written.
Progress = Callable[[int], None]


def unpack(order: Order, layout: Layout, progress: Progress) -> None:
    """Bring the files of the archive to the prefix, all of them or none.

    They are written beside it, compared with the manifest's tree hash and synced to the disk,
    the marker last; one rename puts them in place. Raises Refused.
    """
    _remove(layout.unfinished)
    try:
        layout.unfinished.mkdir(mode=0o700)
        lines = _Writing(order, layout, progress).write()
        _finish(order, layout, lines)
    except OSError as error:
        _remove(layout.unfinished)
        if isinstance(error, (FileNotFoundError, NotADirectoryError, FileExistsError)):
            raise damaged(order, f"{error.filename} comes before its folder") from error
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        free = shutil.disk_usage(layout.environments).free
        raise disk_full(layout.environments, order.unpacked_bytes, free) from error
    except (tarfile.TarError, Damaged) as error:
        _remove(layout.unfinished)
        raise damaged(order, str(error)) from error
    except Refused:
        _remove(layout.unfinished)
        raise


def damaged(order: Order, how: str) -> Refused:
    return Refused(
        "damaged-archive",
        f"{order.archive} can't be unpacked to what its manifest says: {how}; "
        "the environment in use was left as it is",
        "pack the environment again (`workshop env pack`), then ship it",
    )


def _finish(order: Order, layout: Layout, lines: list[bytes]) -> None:
    if tree.tree_sha256(lines) != order.tree_sha256:
        raise damaged(order, "its files have another tree hash")
    (layout.unfinished / tree.LISTING).write_bytes(b"".join(lines))
    sync_disk_of(layout.unfinished)
    facts = {"name": order.name, "identity": order.identity, "tree_sha256": order.tree_sha256}
    write_whole(layout.unfinished / tree.MARKER, json.dumps(facts).encode() + b"\n")
    layout.unfinished.chmod(0o755)
    if layout.prefix.exists():  # one that was damaged, or that nothing vouches for
        swap(layout.unfinished, layout.prefix)
        _remove(layout.unfinished)
    else:
        layout.unfinished.rename(layout.prefix)
    sync_folder(layout.environments)


class _Writing:
    """Writes the members of one archive into an empty folder that only root can enter."""

    def __init__(self, order: Order, layout: Layout, progress: Progress) -> None:
        self._order = order
        self._archive = layout.archive
        self._folder = layout.unfinished
        self._progress = progress
        self._lines: dict[bytes, bytes] = {}
        self._links: list[tuple[Path, str]] = []
        self._bytes = 0

    def write(self) -> list[bytes]:
        """The listing of what was written."""
        with self._archive.open("rb") as file, ZstdReader(file) as content:
            with tarfile.open(fileobj=content, mode="r|", bufsize=_READ_BYTES) as members:
                while (member := members.next()) is not None:
                    members.members = []  # type: ignore[attr-defined] # or it keeps them all
                    self._write(members, member)
            while content.read(_READ_BYTES):  # what follows the tar's end, and whether it's whole
                pass
        # Last, so that nothing is ever written through one.
        for path, target in self._links:
            path.symlink_to(target)
        return [self._lines[path] for path in sorted(self._lines)]

    def _write(self, members: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = self._safe_name(member)
        path = self._folder / name
        if member.isdir():
            path.mkdir(mode=0o755)
            entry: list[object] = ["d", name]
        elif member.issym():
            self._links.append((path, member.linkname))
            entry = ["l", name, member.linkname]
        elif member.isreg():
            entry = self._write_file(members, member, name)
        else:
            raise damaged(self._order, f"{name} is neither a file nor a folder nor a link")
        self._lines[os.fsencode(name)] = tree.line(entry)
        if len(self._lines) % 500 == 0:
            self._progress(len(self._lines))

    def _safe_name(self, member: tarfile.TarInfo) -> str:
        name = str(PurePosixPath(member.name))
        parts = PurePosixPath(name).parts
        reserved = name in (tree.MARKER, tree.LISTING)
        if name.startswith("/") or ".." in parts or not parts or reserved:
            raise damaged(self._order, f"it has a member called {member.name!r}")
        if os.fsencode(name) in self._lines:
            raise damaged(self._order, f"{name} is in it twice")
        self._bytes += member.size
        if self._bytes > self._order.unpacked_bytes:
            raise damaged(self._order, "its files are larger")
        return name

    def _write_file(
        self, members: tarfile.TarFile, member: tarfile.TarInfo, name: str
    ) -> list[object]:
        source = members.extractfile(member)
        if source is None:
            raise damaged(self._order, f"{name} has no content")
        executable = 1 if member.mode & 0o100 else 0
        digest = hashlib.sha256()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._folder / name, flags, 0o755 if executable else 0o644)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            while block := source.read(_READ_BYTES):
                digest.update(block)
                file.write(block)
        return ["f", name, executable, member.size, digest.hexdigest()]


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
