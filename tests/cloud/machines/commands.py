"""Commands of this machine's own tools, with a deadline, and what they said when they fail."""

from __future__ import annotations

import subprocess


def run(*command: str, stdin: str | None = None, seconds: float = 60) -> str:
    """Standard output of `command`.

    Raises: RuntimeError with everything the command said, when it fails.
    """
    done = subprocess.run(
        command,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"{' '.join(command)} ended with {done.returncode}: "
            f"{done.stderr.strip()} {done.stdout.strip()[-500:]} {stdin or ''}"
        )
    return done.stdout
