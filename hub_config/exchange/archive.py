"""Folders as zip archives: packed the same way each time, unpacked only when they are harmless."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hub_config.exchange.errors import BadArchive, TooLarge
from hub_config.exchange.member_names import MAX_NAME_BYTES, check_name

LeaveOut = Callable[[str, list[str]], "list[str] | set[str]"]

_CHUNK = 1 << 16
# A directory entry is 46 bytes, a name and a little; anything beyond this is not ours.
_MAX_DIRECTORY_BYTES_PER_FILE = 46 + MAX_NAME_BYTES + 200
_END = struct.Struct("<4s4H2LH")
_ZIP64_LOCATOR = b"PK\x06\x07"
_REMEDY = "Submit through the Assignments page or `nbgrader submit`."


@dataclass(frozen=True)
class Limits:
    """How much one archive may hold once unpacked."""

    files: int
    file_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class Contents:
    """What an archive holds: its files in order and their size together."""

    files: tuple[str, ...]
    total_bytes: int

    def notebooks(self) -> tuple[str, ...]:
        """The notebooks nbgrader grades: those at the top, without their suffix."""
        return tuple(
            name.removesuffix(".ipynb")
            for name in self.files
            if name.endswith(".ipynb") and "/" not in name
        )

    def pages(self) -> tuple[str, ...]:
        return tuple(name for name in self.files if name.endswith(".html") and "/" not in name)


@dataclass(frozen=True)
class Packed:
    """What was packed, and what was left out because it is no plain file."""

    files: tuple[str, ...]
    left_out: tuple[str, ...]


def _leave_nothing_out(_folder: str, _names: list[str]) -> list[str]:
    return []


def pack(folder: Path, target: BinaryIO, leave_out: LeaveOut = _leave_nothing_out) -> Packed:
    """Write the plain files below `folder` as a zip: same files, same bytes.

    Links are never followed, so nothing outside the folder can be sent by mistake.
    `leave_out` works as in `shutil.copytree`. Empty folders are not kept.
    """
    files: list[str] = []
    left_out: list[str] = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as bundle:
        for path in _walk(folder, leave_out):
            name = path.relative_to(folder).as_posix()
            if not stat.S_ISREG(path.lstat().st_mode):
                left_out.append(name)
                continue
            check_name(name)
            with path.open("rb") as source, bundle.open(_fixed_entry(name), "w") as entry:
                shutil.copyfileobj(source, entry, _CHUNK)
            files.append(name)
    return Packed(tuple(files), tuple(left_out))


def _walk(folder: Path, leave_out: LeaveOut) -> Iterator[Path]:
    """All files and links below `folder`, in an order that doesn't depend on the disk."""
    names = sorted(path.name for path in folder.iterdir())
    ignored = set(leave_out(str(folder), names))
    for name in names:
        path = folder / name
        if name in ignored:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path, leave_out)
        else:
            yield path


def _fixed_entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system = 3
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def check(archive: Path, limits: Limits) -> Contents:
    """Read the whole archive without writing anything; raise BadArchive or TooLarge."""
    return _go_through(archive, limits, _ignore)


def unpack(archive: Path, destination: Path, limits: Limits) -> Contents:
    """Unpack into `destination`, which must not exist; on any refusal nothing is left there."""
    destination.mkdir(parents=True)

    def write(name: str, chunks: Iterator[bytes]) -> None:
        target = destination / name
        target.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(target, flags, 0o644), "wb") as file:
            file.writelines(chunks)

    try:
        return _go_through(archive, limits, write)
    except BaseException:
        shutil.rmtree(destination, ignore_errors=True)
        raise


def read_member(archive: Path, name: str, limits: Limits) -> bytes:
    """One file of an archive that `check` has accepted."""
    found: list[bytes] = []

    def keep(member: str, chunks: Iterator[bytes]) -> None:
        if member == name:
            found.append(b"".join(chunks))

    _go_through(archive, limits, keep)
    if not found:
        raise KeyError(name)
    return found[0]


def _ignore(_name: str, chunks: Iterator[bytes]) -> None:
    for _ in chunks:
        pass


def _go_through(
    archive: Path, limits: Limits, take: Callable[[str, Iterator[bytes]], None]
) -> Contents:
    # Hostile bytes make zipfile raise nearly anything; all of it means the same to us.
    try:
        with archive.open("rb") as file:
            _check_directory_size(file, limits)
            with zipfile.ZipFile(file) as bundle:
                entries = _checked_entries(bundle, limits)
                budget = _Budget(limits)
                for entry in entries:
                    take(entry.filename, budget.chunks(bundle, entry))
        return Contents(tuple(entry.filename for entry in entries), budget.used)
    except (BadArchive, TooLarge):
        raise
    except OSError as error:
        # A hostile directory points before the start of the file.
        if error.errno != errno.EINVAL:
            raise
        raise _unreadable(error) from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        IndexError,
        NotImplementedError,
        OverflowError,
        RuntimeError,
        ValueError,
    ) as error:
        raise _unreadable(error) from None


def _unreadable(error: Exception) -> BadArchive:
    return BadArchive(f"The upload is no readable zip archive ({error}).", next_step=_REMEDY)


def _check_directory_size(file: BinaryIO, limits: Limits) -> None:
    """Look at the end record before zipfile reads the whole directory into memory.

    Only the plain form is accepted: no comment and no zip64, so that what is checked
    here is what zipfile will use.
    """
    size = file.seek(0, os.SEEK_END)
    tail_at = max(0, size - _END.size - 20)
    file.seek(tail_at)
    tail = file.read()
    if size < _END.size or not tail[-_END.size :].startswith(b"PK\x05\x06"):
        raise BadArchive("The upload is no plain zip archive.", next_step=_REMEDY)
    if _ZIP64_LOCATOR in tail[:20]:
        raise BadArchive("The upload is a zip64 archive.", next_step=_REMEDY)
    _, _, _, _, entries, directory_bytes, _, comment = _END.unpack(tail[-_END.size :])
    if comment:
        raise BadArchive("The upload is no plain zip archive.", next_step=_REMEDY)
    # Folders have entries too, hence twice the files.
    allowed = 2 * limits.files
    if entries > allowed or directory_bytes > allowed * _MAX_DIRECTORY_BYTES_PER_FILE:
        raise _too_many_files(limits)


def _checked_entries(bundle: zipfile.ZipFile, limits: Limits) -> list[zipfile.ZipInfo]:
    """The files to take out, each name and kind checked, the declared sizes within limits."""
    files: list[zipfile.ZipInfo] = []
    folders: set[str] = set()
    seen: set[str] = set()
    for entry in bundle.infolist():
        # zipfile cuts names at a zero byte; the check must see what the archive says.
        name = entry.orig_filename
        check_name(name.removesuffix("/"))
        _check_kind(entry)
        if name in seen:
            raise BadArchive(f"The archive has two files named {name!r}.", next_step=_REMEDY)
        seen.add(name)
        folders.update(_parents(name))
        if not name.endswith("/"):
            files.append(entry)
    clash = next((entry.filename for entry in files if entry.filename in folders), None)
    if clash is not None:
        raise BadArchive(f"The archive has a file and a folder named {clash!r}.")
    if len(files) > limits.files:
        raise _too_many_files(limits)
    return files


def _parents(name: str) -> Iterator[str]:
    parts = name.split("/")
    for count in range(1, len(parts)):
        yield "/".join(parts[:count])


def _check_kind(entry: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    is_folder = entry.orig_filename.endswith("/")
    if kind not in ((0, stat.S_IFDIR) if is_folder else (0, stat.S_IFREG)):
        raise BadArchive(
            f"The archive has a link or a device: {entry.orig_filename!r}.",
            next_step="Replace it by a plain file.",
        )
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadArchive("The archive is packed in a way that isn't used here.", next_step=_REMEDY)


def _too_many_files(limits: Limits) -> TooLarge:
    return TooLarge(
        f"The archive has more than {limits.files} files.",
        next_step="Remove what isn't part of the answer.",
    )


class _Budget:
    """Counts the bytes that really come out, whatever the archive declares."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.used = 0

    def chunks(self, bundle: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        taken = 0
        with bundle.open(entry) as file:
            while chunk := file.read(_CHUNK):
                taken += len(chunk)
                self.used += len(chunk)
                if taken > self.limits.file_bytes or self.used > self.limits.total_bytes:
                    raise self._too_large(entry.filename)
                yield chunk

    def _too_large(self, name: str) -> TooLarge:
        megabytes = self.limits.total_bytes // 1_000_000
        return TooLarge(
            f"The archive unpacks to more than is allowed ({megabytes} MB), last at {name!r}.",
            next_step="Remove large files that aren't part of the answer.",
        )
