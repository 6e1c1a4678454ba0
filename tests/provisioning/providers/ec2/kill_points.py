"""Points of a process where it can be killed: around every journal write, call and file.

Nothing in the project knows of them: `install` wraps, in this process alone, the journal's
`write`, the HTTP request that botocore sends (each try and each page is one), and the renaming
and removing of files.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from botocore.httpsession import URLLib3Session

from provisioning.journal import Journal


class KillPoints:
    """Counts the points that the process passes, and kills it at one of them."""

    def __init__(self, kill_at: int | None) -> None:
        self._kill_at = kill_at
        self._passing = threading.Lock()
        self.passed: list[str] = []

    def pass_by(self, point: str) -> None:
        with self._passing:
            if len(self.passed) == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.passed.append(point)

    def install(self) -> None:
        """For the rest of this process's life, which is short."""
        self._around(Journal, "write", lambda journal, kind, step, **_: f"journal {kind} {step}")
        self._around(URLLib3Session, "send", lambda _, request: f"call {_action(request)}")
        self._around(Path, "replace", lambda path, target: f"file {Path(target).name}")
        self._around(Path, "unlink", lambda path, **_: f"file {path.name}")

    def _around(self, owner: type, name: str, describe: Callable[..., str]) -> None:
        original = getattr(owner, name)

        def wrapped(*arguments: Any, **named: Any) -> Any:
            point = describe(*arguments, **named)
            self.pass_by(f"before {point}")
            result = original(*arguments, **named)
            self.pass_by(f"after {point}")
            return result

        setattr(owner, name, wrapped)


def _action(request: Any) -> str:
    if target := request.headers.get("X-Amz-Target"):
        return str(target.decode() if isinstance(target, bytes) else target).split(".")[-1]
    body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
    return parse_qs(body).get("Action", ["?"])[0]
