"""Runs on the hub host: folders as one .tar.gz on standard output, its hash on standard error.

`python -m hub_config.hub_host.pack FOLDER NAME...`; names that are not there are left out.
"""

from __future__ import annotations

import gzip
import hashlib
import sys
import tarfile
from pathlib import Path
from typing import IO, Any, cast

#: Homes in it are packed already: a higher level costs time and saves nothing.
LEVEL = 1


class Hashed:
    """Passes bytes on and hashes them."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self.sha256 = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        return self._out.write(data)

    def flush(self) -> None:
        self._out.flush()


def pack(folder: Path, names: list[str], out: IO[bytes]) -> tuple[str, int]:
    """The sha256 of what was written, and how many members it has."""
    hashed = Hashed(out)
    stream = cast(IO[bytes], hashed)
    members = 0

    def count(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        nonlocal members
        # Sockets and devices are nobody's work.
        if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
            return None
        members += 1
        return member

    with (
        gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=LEVEL, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in names:
            if (folder / name).exists():
                tar.add(folder / name, arcname=name, filter=count)
    hashed.flush()
    return hashed.sha256.hexdigest(), members


def main() -> None:
    folder, *names = sys.argv[1:]
    sha256, members = pack(Path(folder), names, sys.stdout.buffer)
    sys.stderr.write(f"{sha256} {members}\n")


if __name__ == "__main__":
    main()
