"""Compile an environment's modules once, so that the same sources give the same bytes.

Seats can't write to an environment, so they could never keep compiled files. Those that came
with packages go by their sources' times, which an archive doesn't keep; these go by nothing
(unchecked-hash, PEP 552): the tree's own hash vouches for both. Bytecode is the same on every
processor, so any Python of the same version can compile for a machine that isn't here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from provisioning.environments.uv import clean_environment, dies_with_us
from provisioning.errors import StepFailed

#: What a compiler writes depends on what it compiled before, so the same files always
#: go to the same one of these processes, however many processors there are.
SHARDS = 4

# Runs in the compiling Python. Some packages ship files that are no modules of this Python.
_COMPILE = """
import os, py_compile, sys
folder, prefix = sys.argv[1:]
for path in sys.stdin.read().split("\\0"):
    try:
        py_compile.compile(
            os.path.join(folder, path), dfile=os.path.join(prefix, path), doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    except OSError:
        raise
    except Exception:
        pass
"""


def compile_modules(
    folder: Path, prefix: Path, python: Path, *, keep_open: Sequence[int] = ()
) -> None:
    """Compile every module in `folder` anew, as it will be in `prefix`, with `python`."""
    for compiled in list(folder.rglob("__pycache__")):
        shutil.rmtree(compiled)
    found = sorted(os.fsencode(path.relative_to(folder)) for path in folder.rglob("*.py"))
    command = [*dies_with_us(), str(python), "-I", "-S", "-W", "ignore", "-c", _COMPILE]

    def run(shard: Sequence[bytes]) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*command, str(folder), str(prefix)],
            input=b"\0".join(shard),
            capture_output=True,
            env={**clean_environment(os.environ), "PYTHONHASHSEED": "0"},
            umask=0o022,
            pass_fds=tuple(keep_open),
            check=False,
        )

    shards = [shard for number in range(SHARDS) if (shard := found[number::SHARDS])]
    with ThreadPoolExecutor(min(SHARDS, os.cpu_count() or 1)) as pool:
        for finished in pool.map(run, shards):
            if finished.returncode != 0:
                said = finished.stderr.decode(errors="replace").strip()
                raise StepFailed(
                    f"{python} can't compile the environment's modules: {said[-500:]}",
                    next_step="correct what it says, then run the same command again",
                )
