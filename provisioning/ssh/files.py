"""Small files on a host: written whole or not at all, and read up to a limit."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

from provisioning.ssh.errors import (
    CommandFailed,
    RemoteDiskFull,
    RemoteFileMissing,
    RemoteFileTooLarge,
    says_disk_full,
)
from provisioning.ssh.remote_command import script
from provisioning.ssh.runner import Runner

_MISSING = 44

# A temporary file beside the target, checked, on the disk, then renamed over it.
_PUT = """
set -e; umask 077
mkdir -p -m 755 -- "$folder"
new=$(mktemp -- "$folder/.$name.XXXXXXXX")
trap 'rm -f -- "$new"' EXIT
cat >"$new"
found=$(sha256sum <"$new")
[ "${found%% *}" = "$sha" ] || { echo "the content arrived incomplete" >&2; exit 1; }
chmod "$mode" -- "$new"; sync -- "$new"
mv -f -T -- "$new" "$target"; sync -- "$folder"
"""

_GET = """
[ -e "$target" ] || exit "$missing"
head -c "$most" -- "$target"
"""


def put_bytes(
    runner: Runner, content: bytes, remote: str, *, seconds: float, mode: int = 0o644
) -> None:
    """Write `content` to the absolute path `remote`: a reader sees the old or the new file.

    Folders on the way are made (0755). The content never stands in a command line.
    Raises RemoteDiskFull, CommandFailed and what `run` raises; the old file is unharmed then.
    """
    path = PurePosixPath(remote)
    command = script(
        f"write {remote}",
        _PUT,
        folder=path.parent,
        name=path.name,
        target=remote,
        sha=hashlib.sha256(content).hexdigest(),
        mode=f"{mode:o}",
    )
    try:
        runner.run(command, stdin=content, seconds=seconds)
    except CommandFailed as failure:
        if says_disk_full(failure.stderr):
            address = runner.login.address
            raise RemoteDiskFull(address, remote, len(content), None) from failure
        raise


def get_bytes(runner: Runner, remote: str, *, most: int, seconds: float) -> bytes:
    """The content of a file. Raises RemoteFileMissing, RemoteFileTooLarge (over `most` bytes)."""
    command = script(f"read {remote}", _GET, target=remote, missing=_MISSING, most=most + 1)
    done = runner.run(command, seconds=seconds, check=False, keep=2 * (most + 1))
    address = runner.login.address
    if done.status == _MISSING:
        raise RemoteFileMissing(
            address, f"there is no {remote}", next_step="check the path, or make the file first"
        )
    if done.status != 0:
        raise CommandFailed(address, command, done.status, b"", done.stderr)
    if len(done.stdout) > most:
        raise RemoteFileTooLarge(
            address,
            f"{remote} is larger than {most} bytes",
            next_step=f"look at its end with `tail {remote}` on the host",
        )
    return done.stdout
