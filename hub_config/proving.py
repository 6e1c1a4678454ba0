"""Asks the grader to prove labs, or to show them, with environments built from their locks.

As with grading, this room starts the grader and reads its events; it doesn't import it.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from hub_config.grading_process import Progress, read_events
from provisioning.environments.build import Environment, ensure_environment
from provisioning.environments.files import read_environment_file
from provisioning.errors import BadInput, Place, StepFailed
from provisioning.interpreter import find_interpreter
from provisioning.spec_file import read_spec

#: What a lab says about its kernel, if course.yaml doesn't.
_KERNEL = re.compile(r"^#\s+name:\s*([a-z][a-z0-9_-]*)\s*$", re.MULTILINE)
#: The stages of a lab's proof, about: a bar needs an end.
_STAGES = 9


class _Lab(BaseModel):
    """As much of a lab as is needed to find its environment; the grader checks the rest."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    folder: str
    environment: str


class _Course(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    labs: tuple[_Lab, ...]


@dataclass(frozen=True)
class ProvingDesk:
    """Where the course, the environments' files and what is built from them lie."""

    course: Path
    #: The folder of this project.
    source: Path
    #: The state folder: environments are kept in it, and the log.
    state: Path

    def ask(self, module: str, labs: Sequence[str], *options: str, progress: Progress) -> Any:
        """Run a module of the grader on labs of the course; returns its result event."""
        kernels = [self._built(name, progress) for name in self.environments(labs)]
        hub = self._built("hub", progress)
        command = [
            *(str(hub.python), "-P", "-m", module, str(self.course), *labs, "--events"),
            *(f"--kernel={kernel.name}={kernel.python}" for kernel in kernels),
            f"--locks={self.source / 'environments'}",
            *options,
        ]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="workshop-prove-") as run:
            return self._run([*command, f"--run={run}"], hub, progress)

    @property
    def log(self) -> Path:
        return self.state / "prove.log"

    def environments(self, labs: Sequence[str]) -> list[str]:
        """The kernel environments of these labs; of all labs without any."""
        course = read_spec(self.course / "course.yaml", _Course)
        listed = {lab.name: lab for lab in course.labs}
        return sorted({self._environment_of(name, listed.get(name)) for name in labs or listed})

    def _environment_of(self, name: str, lab: _Lab | None) -> str:
        """As course.yaml says; a lab that is being written and isn't in it says it itself."""
        file = self.course / (lab.folder if lab else name) / "lab.py"
        if not file.is_file():
            known = ", ".join(sorted(found.parent.name for found in self.course.glob("*/lab.py")))
            raise BadInput(Place(self.course), f"there is no lab {name!r}", f"one of: {known}")
        found = _KERNEL.search(file.read_text(encoding="utf-8"))
        return lab.environment if lab else found[1] if found else "nlp-cpu"

    def _built(self, name: str, progress: Progress) -> Environment:
        file = self.source / "environments" / f"{name}.yml"
        return ensure_environment(
            read_environment_file(file),
            file.with_suffix(".lock"),
            self.state / "environments",
            interpreter=find_interpreter(),
            on_progress=lambda at: progress(f"env {name}", at.done, at.total, at.note or at.what),
        )

    def _run(self, command: Sequence[str], hub: Environment, progress: Progress) -> Any:
        with (
            self.log.open("ab") as log,
            subprocess.Popen(
                # Never longer than this process: nobody would wait for it.
                ["setpriv", "--pdeathsig", "TERM", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_environment(hub, self.source),
            ) as process,
        ):
            result = read_events(process.stdout, progress)
        if result is None:
            raise StepFailed(
                f"The grader ended without a result (exit status {process.returncode})",
                next_step=f"repeat the command; its log is {self.log}",
            )
        return result


def _environment(hub: Environment, source: Path) -> dict[str, str]:
    # Nothing of the caller's environment: it may hold cloud credentials.
    return {
        "PATH": f"{hub.python.parent}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(source),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
    }


@dataclass
class LabByLab:
    """A bar for each lab, from events that name a stage; tables go to `table`."""

    bars: Progress
    table: Callable[[str], None]
    _lab: str = ""
    _seen: tuple[str, ...] = ()

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "table":
            self.bars(self._lab, _STAGES, _STAGES, "")
            self.table(note)
        elif stage.startswith(("env ", "built ")):
            self.bars(stage, done, total, note)
        else:
            self._step(stage, done, total, note)

    def _step(self, stage: str, done: int, total: int, lab: str) -> None:
        if lab != self._lab:
            self._lab, self._seen = lab, ()
        if stage not in self._seen:
            self._seen = (*self._seen, stage)
        step = min(len(self._seen), _STAGES) - 1
        self.bars(lab, step, _STAGES, f"{stage} {done}/{total}")
