"""Files and a script for root on another host, from the hub's host: one SSH command, no argv but
ours. What is secret travels in the stream."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from typing import Final

from provisioning.errors import StepFailed

#: Unpacks what it is sent where only root can look, and runs the script among it there.
_RECEIVE: Final = (
    "umask 077; here=$(mktemp -d) && trap 'rm -rf \"$here\"' EXIT && "
    'tar -xzC "$here" && cd "$here" && sh ./run.sh'
)
RUN: Final = "run.sh"


def run_there(
    command_on_host: Sequence[str], files: Mapping[str, bytes], script: str, *, seconds: float
) -> str:
    """What the script says on its output; the files lie in its working folder.

    `command_on_host` is what comes before a command (see hub_config.fleet.links). Raises
    StepFailed with the script's last words.
    """
    try:
        done = subprocess.run(
            [*command_on_host, _RECEIVE],
            input=_packed({**files, RUN: script.encode()}),
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StepFailed(
            f"the host did not get it done in {seconds:.0f} s; it may still be at it",
            next_step="repeat `workshop up`; `workshop status` shows how the host is",
        ) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise StepFailed(
            "; ".join(said[-3:]) or f"it ended with status {done.returncode}",
            next_step="repeat `workshop up`; `workshop status` shows how the host is",
        )
    return done.stdout.decode(errors="replace")


def _packed(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
