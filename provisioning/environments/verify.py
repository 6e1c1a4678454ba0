"""Prove that an environment works: import what it was asked to provide.

Checking versions against each other (`pip check`) says too much, because a lock may
override what a package asks for, and too little, because a library of the system that
is missing only shows when it is loaded.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from provisioning.environments.uv import clean_environment
from provisioning.errors import NotPossibleHere, StepFailed
from provisioning.interpreter import NOBODY

# Where Debian keeps the libraries that wheels expect the system to have.
APT_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libX11.so.6": "libx11-6",
    "libatomic.so.1": "libatomic1",
    "libgcc_s.so.1": "libgcc-s1",
    "libgfortran.so.5": "libgfortran5",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgomp.so.1": "libgomp1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libopenblas.so.0": "libopenblas0",
    "libquadmath.so.0": "libquadmath0",
    "libsndfile.so.1": "libsndfile1",
    "libstdc++.so.6": "libstdc++6",
}
_MISSING = re.compile(r"(lib[\w+.-]+?\.so[\w.]*): cannot open shared object file")

# Runs in the environment: import every top-level module of the named packages.
_IMPORT_ALL = """
import importlib, json, sys
from importlib.metadata import packages_distributions
import re
wanted = set(sys.argv[1:])
for module, owners in sorted(packages_distributions().items()):
    owners = {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners}
    if owners & wanted and module.isidentifier() and not module.startswith("_"):
        try:
            importlib.import_module(module)
        except BaseException as error:
            failure = f"{type(error).__name__}: {error}"
            print("\\n" + json.dumps([sorted(owners & wanted)[0], module, failure]), flush=True)
"""


# The same for modules that are known by name.
_IMPORT_THESE = """
import importlib, json, sys
for module in sys.argv[1:]:
    try:
        importlib.import_module(module)
    except BaseException as error:
        print("\\n" + json.dumps([module, module, f"{type(error).__name__}: {error}"]), flush=True)
"""


def verify_imports(prefix: Path, packages: Iterable[str]) -> None:
    """Import every module of `packages` in one process, or say which can't be and why.

    As root this is done under an account that owns nothing, as the seats will do it.
    """
    _verify(prefix, _IMPORT_ALL, packages, prefix.name)


def verify_modules(prefix: Path, modules: Iterable[str], *, label: str) -> None:
    """Import these modules, in the same way; `label` names the environment in errors."""
    _verify(prefix, _IMPORT_THESE, modules, label)


def _verify(prefix: Path, script: str, wanted: Iterable[str], label: str) -> None:
    finished = subprocess.run(
        [prefix / "bin/python", "-I", "-c", script, *wanted],
        capture_output=True,
        text=True,
        cwd="/",
        env={**clean_environment(os.environ), "HOME": "/nonexistent"},
        timeout=300,
        check=False,
        **_as_a_seat(),
    )
    failures = [json.loads(line) for line in finished.stdout.splitlines() if _is_failure(line)]
    if failures:
        raise _failure(prefix, failures, label)
    if finished.returncode != 0:  # killed by a signal: a wheel for another processor
        raise StepFailed(
            f"{label}: importing its packages ended the process with status "
            f"{finished.returncode}: {finished.stderr[-500:]}",
            next_step="check that the packages are made for this processor",
        )


def _as_a_seat() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def _is_failure(line: str) -> bool:
    return line.startswith('["')


def _failure(prefix: Path, failures: list[list[str]], label: str) -> NotPossibleHere | StepFailed:
    found = "; ".join(f"import {module}: {error}" for _, module, error in failures)
    message = f"{label} is installed, but {found}"
    missing = {library for *_, error in failures for library in libraries_named(error)}
    if not missing:
        return StepFailed(message, next_step="correct the environment file and lock it again")
    # The loader names one library at a time: look for the others as well.
    missing |= _missing_libraries(prefix) & APT_PACKAGES.keys()
    return NotPossibleHere(message, next_step=install_command(missing))


def libraries_named(error: str) -> set[str]:
    """The libraries of the system that the loader misses, as an import's error names them."""
    return set(_MISSING.findall(error))


def install_command(libraries: Iterable[str]) -> str:
    """What to type so that these libraries of the system are there."""
    known = sorted({APT_PACKAGES[name] for name in libraries if name in APT_PACKAGES})
    unknown = sorted(name for name in libraries if name not in APT_PACKAGES)
    steps = [f"apt-get install {' '.join(known)}"] if known else []
    steps += [f"install the Debian package that has {name} (apt-file search)" for name in unknown]
    return "; ".join(steps)


def _missing_libraries(prefix: Path) -> set[str]:
    shared = [str(path) for path in prefix.rglob("*.so*") if path.is_file()]
    said = subprocess.run(["ldd", *shared], capture_output=True, text=True, check=False).stdout
    return set(re.findall(r"^\s*(\S+) => not found", said, re.MULTILINE))
