"""What a proof is told: the course, the environments, what to look at."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.errors import BadInput, NotPossibleHere, Place
from grader.spec import CourseSpec, LabSpec


@dataclass(frozen=True)
class Kernel:
    """A kernel environment, and the lock that says what is in it."""

    python: Path
    lock: Path

    @property
    def identity(self) -> str:
        """The same on every machine: what the lock pins, its comments left out."""
        try:
            lines = self.lock.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise BadInput(Place(self.lock), str(error), "the lock of the environment") from error
        pins = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        return hashlib.sha256("\n".join(pins).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ProofSettings:
    """One run of `prove`."""

    coursework: Path
    spec: CourseSpec
    labs: tuple[LabSpec, ...]
    kernels: Mapping[str, Kernel]
    #: A folder of the proof's own.
    run: Path
    #: Measure the margins anew.
    measure: bool = False
    #: Keep what is found in each lab's proof.json.
    keep: bool = True
    #: Only these parts; then nothing is kept.
    stages: tuple[str, ...] = ()

    def kernel_of(self, lab: LabSpec) -> Kernel:
        """Raises NotPossibleHere for an environment that nobody has named."""
        if lab.environment not in self.kernels:
            raise NotPossibleHere(
                f"lab {lab.name!r} needs the environment {lab.environment!r}",
                next_step=f"name its interpreter: --kernel {lab.environment}=PATH",
            )
        return self.kernels[lab.environment]
