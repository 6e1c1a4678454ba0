"""Run the rattler worker, pass its progress on, and turn its failures into our errors."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from provisioning.environments.conda.channels import without_secrets
from provisioning.environments.uv import clean_environment, dies_with_us
from provisioning.errors import NotPossibleHere, StepFailed, WorkshopError

WORKER = Path(__file__).with_name("worker.py")

#: Steps done, steps in all, a detail.
OnStep = Callable[[int, int, str], None]


class WorkerFailed(WorkshopError):
    """rattler refused: `kind` as the worker names it, `said` in rattler's own words."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(f"{kind}: {said}")
        self.kind = kind
        self.said = said

    @property
    def disk_full(self) -> bool:
        full = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
        return any(words in self.said for words in full)


def ask_worker(
    request: Mapping[str, Any],
    *,
    on_step: OnStep = lambda done, total, what: None,
    keep_open: tuple[int, ...] = (),
) -> Any:
    """What the worker answers to `request`. It dies with us, and inherits `keep_open`.

    Raises WorkerFailed; StepFailed when the worker ended without an answer.
    """
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [*dies_with_us(), sys.executable, "-I", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=clean_environment(os.environ),
            umask=0o022,
            pass_fds=keep_open,
        ) as process,
    ):
        assert process.stdin is not None  # noqa: S101 - for mypy: they are PIPEs
        assert process.stdout is not None  # noqa: S101
        try:
            # The worker reads all of its input before it says anything.
            process.stdin.write(json.dumps(request).encode())
            process.stdin.close()
            answer = _last_answer(process.stdout, on_step)
            process.wait()
        except BaseException:  # Ctrl-C, or what `on_step` raised
            process.kill()
            raise
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    # Not the exit status: rattler may abort after its work is done.
    if answer is None:
        raise _no_answer(process.returncode, said)
    if "failed" in answer:
        raise WorkerFailed(answer["failed"], without_secrets(str(answer["said"]).strip()))
    return answer["done"]


def _last_answer(lines: Any, on_step: OnStep) -> dict[str, Any] | None:
    for line in lines:
        try:
            answer = json.loads(line)
        except ValueError:  # cut off in the middle
            return None
        if "progress" not in answer:
            return dict(answer)
        on_step(*answer["progress"])
    return None


def _no_answer(status: int, said: str) -> WorkshopError:
    if "ModuleNotFoundError" in said:
        return NotPossibleHere(
            "py-rattler, which solves and installs conda packages, isn't installed here",
            next_step="pip install py-rattler==0.28.0",
        )
    last = without_secrets("\n".join(f"  {line}" for line in said.strip().splitlines()[-5:]))
    return StepFailed(
        f"the process that works on conda packages ended (status {status}) before it was "
        f"done; nothing was changed. It said:\n{last or '  nothing'}",
        next_step="run the same command again",
    )
