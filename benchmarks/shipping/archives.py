"""Archives of the size of a real environment, quick to make: their content is random."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import tarfile
from pathlib import Path

import zstandard

from provisioning.environments.manifest import PREFIXES, Manifest, write_manifest
from provisioning.environments.shipping.on_host.tree import line, tree_sha256

#: A conda environment of 400 MB has about so many files in an archive of 90 MB.
FILES = 400
NAME = "bench"


class Archives:
    """One content, under a new name for every run, so that no host has it already."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._number = 0
        self._content, self._manifest = _packed(size)
        self._first = folder / "content"
        self._first.write_bytes(self._content)

    @property
    def size(self) -> int:
        return len(self._content)

    def another(self) -> Path:
        """The path of an archive that was never shipped."""
        self._number += 1
        identity = f"{self._number:012x}"
        manifest = dataclasses.replace(
            self._manifest, identity=identity, prefix=str(PREFIXES / f"{NAME}-{identity}")
        )
        path = self._folder / manifest.archive
        os.link(self._first, path)
        write_manifest(manifest, self._folder)
        return path


def _packed(size: int) -> tuple[bytes, Manifest]:
    tree = io.BytesIO()
    lines = [line(["d", "bin"]), line(["l", "bin/python", "/usr/bin/python3"]), line(["d", "lib"])]
    with tarfile.open(fileobj=tree, mode="w", format=tarfile.GNU_FORMAT) as members:
        _add(members, "bin", tarfile.DIRTYPE)
        _add(members, "bin/python", tarfile.SYMTYPE)
        _add(members, "lib", tarfile.DIRTYPE)
        for number in range(FILES):
            content = os.urandom(size // FILES)
            name = f"lib/{number:04}"
            _add(members, name, tarfile.REGTYPE, content)
            digest = hashlib.sha256(content).hexdigest()
            lines.append(line(["f", name, 0, len(content), digest]))
    packed = zstandard.ZstdCompressor(level=1).compress(tree.getvalue())
    manifest = Manifest(
        name=NAME,
        identity="0" * 12,
        platform="linux-64" if os.uname().machine == "x86_64" else "linux-aarch64",
        prefix=f"/{NAME}-{'0' * 12}",
        python="bin/python",
        lock_sha256="0" * 64,
        tree_sha256=tree_sha256(lines),
        files=len(lines),
        unpacked_bytes=size,
        archive_bytes=len(packed),
        archive_sha256=hashlib.sha256(packed).hexdigest(),
        imports=("json", "ctypes"),
    )
    return packed, manifest


def _add(members: tarfile.TarFile, name: str, kind: bytes, content: bytes = b"") -> None:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, len(content), "/usr/bin/python3"
    member.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    members.addfile(member, io.BytesIO(content))
