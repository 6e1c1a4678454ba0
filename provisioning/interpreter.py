"""The Python that environments are built with, and whether other accounts may run it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from provisioning.errors import NotPossibleHere
from provisioning.folders import closed_to_others

DEBIAN_PYTHON = Path("/usr/bin/python3")

# An account that owns nothing: what it can run, every seat can run.
NOBODY = 65534

_FACTS = """
import importlib.util, json, os, platform
print(json.dumps([platform.python_version(), os.__file__,
                  importlib.util.find_spec("ensurepip") is not None]))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python, where it really is and its version."""

    path: Path
    real: Path
    version: str

    @property
    def minor(self) -> str:
        """Such as `3.11`."""
        return ".".join(self.version.split(".")[:2])


def find_interpreter(path: Path = DEBIAN_PYTHON) -> Interpreter:
    """The Python at `path`, or NotPossibleHere saying why seats can't use it.

    As root, seats run under accounts of their own, so they must be able to run it.
    """
    version, library, has_venv = _facts(path)
    interpreter = Interpreter(path, path.resolve(), version)
    if not has_venv:
        raise NotPossibleHere(
            f"{path} (Python {version}) can't make virtual environments",
            next_step="apt-get install python3-venv",
        )
    if os.geteuid() == 0:
        _refuse_private(interpreter, library)
    return interpreter


def _facts(path: Path) -> tuple[str, Path, bool]:
    try:
        answer = subprocess.run(
            [path, "-I", "-c", _FACTS], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise NotPossibleHere(
            f"{path} is not a Python that runs here ({type(error).__name__})",
            next_step="apt-get install python3 python3-venv",
        ) from error
    version, library, has_venv = json.loads(answer.stdout)
    return version, Path(library), has_venv


def _refuse_private(interpreter: Interpreter, library: Path) -> None:
    for needed in (interpreter.real, library):
        if closed := closed_to_others(needed):
            raise _unusable(interpreter.path, f"{needed} lies below {closed}, which is closed")
    tried = subprocess.run(
        [interpreter.path, "-I", "-c", "import ssl, ctypes"],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if tried.returncode != 0:
        said = tried.stderr.strip().splitlines() or [f"exit status {tried.returncode}"]
        raise _unusable(interpreter.path, said[-1])


def _unusable(path: Path, why: str) -> NotPossibleHere:
    return NotPossibleHere(
        f"{path} can't be run by the seats' accounts: {why}",
        next_step=f"use Debian's own {DEBIAN_PYTHON} (apt-get install python3 python3-venv)",
    )
