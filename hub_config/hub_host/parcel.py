"""Small trees of files that hosts need whole: our code, and what the instructor has given.

A parcel lies on a host in a folder named after its bytes, with a link `current` to the one in
use. So it is brought once, is never half there, and what runs keeps the version it began with.
Of our code the version before stays, too; older ones go (`old_versions`).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hub_config.hub_host.layout import CURRENT
from hub_config.hub_host.old_versions import FORGET, PREVIOUS
from provisioning.ssh.connection import Connection
from provisioning.ssh.remote_command import script

_SECONDS = 120
# Says `missing`, or goes on with _USE.
_THERE: Final = r"""
[ -d "$folder/$identity" ] || { echo missing; exit 0; }
"""

# A folder that is being unpacked has another name; only a whole one gets its own.
_UNPACK: Final = r"""
set -eu
umask 077
mkdir -p -- "$folder"
chmod "$mode" -- "$folder"
new=$(mktemp -d -- "$folder/.new-XXXXXXXX")
trap 'rm -rf -- "$new"' EXIT
tar --extract --gzip --no-same-owner --directory="$new"
if [ "$mode" = 755 ]; then chmod -R u=rwX,go=rX -- "$new"; fi
sync -f "$new"
rm -rf -- "${folder:?}/$identity"
mv -T -- "$new" "$folder/$identity"
"""

_USE: Final = r"""
set -eu
before=$(readlink -- "$folder/$current" || true)
[ "$before" != "$identity" ] || exit 0
[ -z "$before" ] || ln -sfn -- "$before" "$folder/$previous"
ln -sfn -- "$identity" "$folder/.$current.new"
mv -T -- "$folder/.$current.new" "$folder/$current"
sync -- "$folder"
"""


@dataclass(frozen=True)
class Parcel:
    """`content` is a .tar.gz, always the same for the same files; `identity` its name."""

    identity: str
    content: bytes


def parcel_of(files: Mapping[str, bytes]) -> Parcel:
    """Files by their path in the parcel. Raises ValueError for a path that leads out of it."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in sorted(files):
            if path.startswith("/") or ".." in Path(path).parts:
                raise ValueError(f"{path!r} leads out of the parcel")
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(files[path]), 0o600
            tar.addfile(member, io.BytesIO(files[path]))
    content = packed.getvalue()
    return Parcel(hashlib.sha256(content).hexdigest()[:16], content)


def files_below(folder: Path, inside: str = "") -> dict[str, bytes]:
    """Every file of a folder for a parcel, without caches and hidden files."""
    return {
        f"{inside}{path.relative_to(folder)}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _is_passed_over(path.relative_to(folder))
    }


def _is_passed_over(path: Path) -> bool:
    return any(part == "__pycache__" or part.startswith(".") for part in path.parts)


def ensure_parcel(
    connection: Connection, parcel: Parcel, folder: Path, *, mode: str, forget: bool = False
) -> Path:
    """The parcel in `folder` of a host, in use; returns its own folder. `mode` is 755 or 700.

    With `forget`, a new one takes the place of those that nothing needs any more: not of the one
    before, and of none that a process began with.

    Raises the SSH room's errors; what was in use before then stays in use.
    """
    facts = {"folder": folder, "identity": parcel.identity, "mode": mode}
    facts |= {"current": CURRENT, "previous": PREVIOUS}
    use = script(f"use {parcel.identity} in {folder}", _THERE + _USE, **facts)
    if b"missing" in connection.run(use, seconds=_SECONDS).stdout:
        body = _UNPACK + _USE + (FORGET if forget else "")
        unpack = script(f"unpack into {folder}", body, **facts)
        connection.run(unpack, stdin=parcel.content, seconds=_SECONDS)
    return folder / parcel.identity
