"""Things that take long to make, made once and kept for every later run of the tests."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from provisioning.folders import locked

#: Beside what the other tests keep; `rm -r` of it costs only time.
CACHE = Path("/var/tmp/workshop-tests")


def built_once(kind: str, recipe: str, build: Callable[[Path], None]) -> Path:
    """The folder CACHE/KIND-HASH, with what `build(unfinished folder)` put into it.

    HASH is over `recipe`, so a changed recipe is built anew. Test processes that ask at the
    same time wait for the first; a build that was killed is thrown away.
    """
    identity = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    finished = CACHE / f"{kind}-{identity}"
    CACHE.mkdir(parents=True, exist_ok=True)
    CACHE.chmod(0o755)
    with locked(CACHE / f".{kind}-{identity}.lock"):
        if not finished.exists():
            unfinished = CACHE / f"{kind}-{identity}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            build(unfinished)
            unfinished.rename(finished)
    return finished
