"""Grading runs as a command of its own, under the account that owns the course folder.

This room doesn't import the grader: it starts it, passes on its progress, and turns its
last word into a result or an exception.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub_config.install import Owner
from provisioning.errors import NotPossibleHere, StepFailed, WorkshopError

#: stage, done, total, note.
Progress = Callable[[str, int, int, str], None]


@dataclass(frozen=True)
class GradingProcess:
    """How to start the grader of one workshop."""

    hub_python: Path
    library: Path
    course: Path
    log: Path
    owner: Owner | None
    environment: Mapping[str, str]

    def run(self, verb: str, settings: Path, *options: str, progress: Progress) -> dict[str, Any]:
        """Run `python -m grader VERB SETTINGS`; return its result event.

        Raises WorkshopError with the grader's own words when it reports an error, and
        StepFailed when it ends without a word (killed, out of memory).
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log, self._start(verb, settings, options, log) as process:
            assert process.stdout is not None  # noqa: S101 - asked for a pipe
            result = read_events(process.stdout, progress)
        if result is None:
            raise StepFailed(
                f"The grader ended without a result (exit status {process.returncode}); "
                "what was graded before is kept",
                next_step=f"repeat the command; its log is {self.log}",
            )
        return result

    def _start(
        self, verb: str, settings: Path, options: tuple[str, ...], log: Any
    ) -> subprocess.Popen[str]:
        command = [str(self.hub_python), "-P", "-m", "grader", verb, str(settings), *options]
        return subprocess.Popen(
            [*_as(self.owner), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=self._environment(),
            cwd=self.course,
        )

    def _environment(self) -> dict[str, str]:
        # Nothing of the caller's environment: it may hold cloud credentials.
        return {
            "PATH": f"{self.hub_python.parent}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(self.library),
            "HOME": str(self.course),
            "LANG": "C.UTF-8",
            **self.environment,
        }


def _as(owner: Owner | None) -> list[str]:
    """Under the owner's account, and never longer than this process: nobody would wait for it."""
    identity = []
    if owner is not None and owner.uid != os.geteuid():
        identity = [f"--reuid={owner.uid}", f"--regid={owner.gid}", "--clear-groups"]
    return ["setpriv", *identity, "--pdeathsig", "TERM", "--"]


def read_events(lines: Any, progress: Progress) -> dict[str, Any] | None:
    """The result of a run that prints events; None when it ended without a word."""
    result = None
    for line in lines:
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue  # a library that prints; the log has the rest
        match event.get("event"):
            case "progress":
                progress(event["stage"], event["done"], event["total"], event.get("note", ""))
            case "result":
                result = {key: value for key, value in event.items() if key != "event"}
            case "error":
                raise _as_exception(event)
    return result


def _as_exception(event: Mapping[str, Any]) -> WorkshopError:
    kinds = {"not-possible": NotPossibleHere, "bad-input": GradingInputBad}
    kind = kinds.get(event.get("family", ""), StepFailed)
    return kind(event["message"], next_step=event.get("next_step", ""))


class GradingInputBad(WorkshopError):
    """The coursework or a choice of the caller can't be used; the message names the place."""
