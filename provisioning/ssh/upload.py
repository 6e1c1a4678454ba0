"""Large files to a host: resumed after a break, checked, and in place whole or not at all.

The bytes go to a temporary file beside the target whose name holds their sha256. Two uploads
of the same file therefore write the same bytes to the same offsets and can't spoil each other,
and another file of the same name starts anew. The folder should be root's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import BinaryIO

from provisioning.ssh.deadline import Deadline
from provisioning.ssh.errors import (
    CommandFailed,
    RemoteDiskFull,
    UploadDamaged,
    says_disk_full,
)
from provisioning.ssh.remote_command import script
from provisioning.ssh.runner import Runner

#: Bytes done, bytes in all.
Report = Callable[[int, int], None]

_CHUNK = 256 * 1024
_SHORT, _DAMAGED, _FULL = 70, 71, 72

# Prints: sha256 of the target if it has the right size, size and sha256 of the temporary
# file, free bytes; "-" for what isn't there. The temporary file may still grow: bytes of an
# upload that we took for dead may be on their way.
_LOOK = r"""
set -e
mkdir -p -m 755 -- "$folder"
sha() { found=$(head -c "$2" -- "$1" | sha256sum); printf '%s ' "${found%% *}"; }
if [ -f "$target" ] && [ "$(stat -c %s -- "$target")" = "$size" ]
then sha "$target" "$size"; else printf -- '- '; fi
if [ -f "$part" ] && [ ! -L "$part" ]
then arrived=$(stat -c %s -- "$part"); printf '%s ' "$arrived"; sha "$part" "$arrived"
else rm -f -- "$part"; printf -- '0 - '; fi
df --output=avail -B1 -- "$folder" | tail -n 1
"""

# `dd` without truncation: it writes at its own offset, whoever else writes there. An earlier
# upload may even have come to its end meanwhile: then the target is right.
_SEND = r"""
umask 077
right() { found=$(sha256sum <"$1" 2>/dev/null); [ "${found%% *}" = "$sha" ]; }
fail() {
  if [ -f "$target" ] && right "$target"
  then rm -f -- "$part"; chmod "$mode" -- "$target"; exit; fi
  case "$2" in *"No space left"*|*"quota exceeded"*) rm -f -- "$part"; exit "$full";; esac
  printf '%s\n' "$2" >&2; exit "$1"; }
place() { chmod "$mode" -- "$part" && sync -- "$part" && mv -f -T -- "$part" "$target"; }
[ "$offset" -gt 0 ] || rm -f -- "$part"
said=$(dd of="$part" bs=256K seek="$offset" oflag=seek_bytes conv=notrunc status=none 2>&1) \
  || fail 1 "$said"
[ "$(stat -c %s -- "$part" 2>&1)" = "$size" ] || fail "$short"
right "$part" || { rm -f -- "$part"; fail "$damaged"; }
said=$(place 2>&1) || fail 1 "$said"
sync -- "$folder"
"""


@dataclass(frozen=True)
class _Upload:
    local: Path
    target: str
    size: int
    sha256: str
    mode: int

    @property
    def part(self) -> str:
        path = PurePosixPath(self.target)
        return str(path.with_name(f".{path.name}.{self.sha256[:16]}.part"))

    def script(self, title: str, body: str, **values: object) -> str:
        """`body` with the facts of this upload as its variables."""
        return script(
            f"{title} {self.target}",
            body,
            folder=PurePosixPath(self.target).parent,
            target=self.target,
            part=self.part,
            size=self.size,
            sha=self.sha256,
            **values,
        )


def put(
    runner: Runner,
    local: Path,
    remote: str,
    *,
    seconds: float,
    mode: int = 0o644,
    progress: Report | None = None,
) -> None:
    """Copy `local` to the absolute path `remote` on the host, with mode `mode`.

    A file that is there already is not sent again; after a broken upload, the part that
    arrived is checked (sha256) and kept. The name `remote` appears when the whole file is
    checked and on the disk. Raises RemoteDiskFull (nothing is left behind), UploadDamaged,
    CommandFailed and what `run` raises; call it again to go on.
    """
    deadline = Deadline(seconds)
    report = progress or (lambda done, total: None)
    with local.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        upload = _Upload(local, remote, file.tell(), sha256, mode)
        offset = _arrived(runner, upload, file, deadline)
        if offset is None:
            runner.run(f"chmod {mode:o} -- {quote(remote)}", seconds=deadline.left)
        else:
            _send(runner, upload, _chunks(file, offset, upload.size, report), offset, deadline)
    report(upload.size, upload.size)


def _arrived(runner: Runner, upload: _Upload, file: BinaryIO, deadline: Deadline) -> int | None:
    """How many bytes are there already and right; None when the whole file is in place."""
    said = runner.run(upload.script("look at", _LOOK), seconds=deadline.left).stdout
    target_sha, part_size, part_sha, free = said.decode().splitlines()[-1].split()
    if target_sha == upload.sha256:
        return None
    offset = int(part_size)
    if offset > upload.size or _sha256_of_start(file, offset) != part_sha:
        offset = 0
    if int(free) + int(part_size) < upload.size:
        address = runner.login.address
        runner.run(f"rm -f -- {quote(upload.part)}", seconds=deadline.left)
        raise RemoteDiskFull(address, upload.target, upload.size, int(free))
    return offset


def _send(
    runner: Runner, upload: _Upload, chunks: Iterator[bytes], offset: int, deadline: Deadline
) -> None:
    command = upload.script(
        "upload",
        _SEND,
        offset=offset,
        mode=f"{upload.mode:o}",
        short=_SHORT,
        damaged=_DAMAGED,
        full=_FULL,
    )
    with runner.talk(command, seconds=deadline.left) as talk:
        done = talk.finish(chunks)
    address = runner.login.address
    match done.status:
        case 0:
            return
        case status if status == _FULL or says_disk_full(done.stderr):
            raise RemoteDiskFull(address, upload.target, upload.size, None)
        case status if status in (_SHORT, _DAMAGED):
            raise UploadDamaged(
                address,
                f"{upload.target} arrived damaged and was not put in place, what was there "
                "before is unchanged",
                next_step=f"see that nothing writes to {upload.local}, then repeat the command",
            )
        case status:
            raise CommandFailed(address, command, status, done.stdout, done.stderr)


def _chunks(file: BinaryIO, offset: int, size: int, report: Report) -> Iterator[bytes]:
    """The file from `offset`; never more than the size that it had when we looked."""
    file.seek(offset)
    while offset < size:
        chunk = file.read(min(_CHUNK, size - offset))
        if not chunk:
            return
        yield chunk
        offset += len(chunk)
        report(offset, size)


def _sha256_of_start(file: BinaryIO, size: int) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    left = size
    while left > 0 and (chunk := file.read(min(_CHUNK, left))):
        digest.update(chunk)
        left -= len(chunk)
    return digest.hexdigest()
