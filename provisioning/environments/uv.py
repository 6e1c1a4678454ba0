"""Run uv, the resolver and installer, and say in words why it failed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioning.errors import BadInput, NotPossibleHere, Place, StepFailed, WorkshopError

_DISK_FULL = re.compile(r"No space left on device|os error 28|Disk quota exceeded")
_WRONG_HASH = re.compile(r"Hash mismatch")
_UNREACHABLE = re.compile(
    r"error sending request|Failed to fetch|dns error|Connection refused|Could not connect"
    r"|timed out|Network connectivity is disabled",
    re.IGNORECASE,
)
_NO_COMPILER = re.compile(r"error: command '\S*(cc|gcc)' failed: No such|Python\.h: No such file")
_NO_WHEEL = re.compile(r"building from source is disabled")
_NO_ANSWER = re.compile(r"No solution found|not found in the package registry|no version of")


@dataclass(frozen=True)
class Outcome:
    """How a run of uv ended: its exit status and what it said."""

    status: int
    said: tuple[str, ...]

    @property
    def last_lines(self) -> str:
        return "\n".join(f"  {line}" for line in self.said[-8:])

    @property
    def disk_full(self) -> bool:
        return self.status != 0 and bool(_DISK_FULL.search("\n".join(self.said)))


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without what would make a Python look into other environments."""
    leaks = ("PYTHON", "VIRTUAL_ENV", "CONDA_")
    return {key: value for key, value in environ.items() if not key.startswith(leaks)}


def run_uv(
    arguments: Sequence[str],
    *,
    text: str = "",
    keep_open: Sequence[int] = (),
    on_line: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Run uv with `text` on its standard input; it dies with us.

    `keep_open` are descriptors that uv inherits: a lock among them is held until uv ends.
    """
    import uv  # on a hub host, which builds nothing, it isn't there

    said: list[str] = []
    with subprocess.Popen(
        # The system's certificates: an organisation's own authority is known there.
        [*dies_with_us(), uv.find_uv_bin(), "--color", "never", "--system-certs", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=clean_environment(os.environ),
        umask=0o022,
        pass_fds=tuple(keep_open),
    ) as process:
        assert process.stdin is not None  # noqa: S101 - for mypy: it is PIPE
        assert process.stderr is not None  # noqa: S101
        # uv reads all of its input before it says anything of length.
        process.stdin.write(text)
        process.stdin.close()
        for line in process.stderr:
            if line.strip():
                said.append(line.rstrip())
                on_line(line.strip())
    return Outcome(process.returncode, tuple(said))


def dies_with_us() -> tuple[str, ...]:
    """What to put before a command so that it ends when we do."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()


def explain(outcome: Outcome, *, task: str, lock: Path) -> WorkshopError:
    """The error for a failed run, other than a full disk: the cause and what to do."""
    said = "\n".join(outcome.said)
    if _WRONG_HASH.search(said):
        return StepFailed(
            f"{task}: a package's content differs from the hash in {lock}, so it was "
            f"refused. uv said:\n{outcome.last_lines}",
            next_step="don't install it: ask who published that package, or lock another version",
        )
    if _NO_WHEEL.search(said):
        return BadInput(
            Place(lock),
            f"{task}: a package has no wheel for this Python and machine. uv said:\n"
            f"{outcome.last_lines}",
            "choose a version that has one, or name the package in from-source.txt beside the "
            "environment file, then lock again",
        )
    if _NO_ANSWER.search(said) and not _UNREACHABLE.search(said):
        return BadInput(
            Place(lock),
            f"{task}: no set of packages satisfies it. uv said:\n{outcome.last_lines}",
            "change the versions that uv names, then lock again",
        )
    if _NO_COMPILER.search(said):
        return NotPossibleHere(
            f"{task}: a package that is published as source only can't be compiled here. "
            f"uv said:\n{outcome.last_lines}",
            next_step="apt-get install gcc libc6-dev python3-dev",
        )
    if _UNREACHABLE.search(said):
        return StepFailed(
            f"{task}: the package index can't be reached. uv said:\n{outcome.last_lines}",
            next_step="check the network and any proxy or UV_DEFAULT_INDEX setting, "
            "then run the same command again",
        )
    return StepFailed(
        f"{task} failed (uv exit status {outcome.status}). uv said:\n{outcome.last_lines}",
        next_step="correct what uv names, then run the same command again",
    )
