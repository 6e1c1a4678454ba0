"""Which environment lies at a path just now: another one there must not be served warm."""

from __future__ import annotations

import hashlib
from pathlib import Path

#: Files and folders that change whenever something is installed.
_TELLING = (".", "bin", ".complete", "pyvenv.cfg", "conda-meta/history")


def environment_identity(prefix: Path, library: Path) -> str:
    """Changes when a link leads elsewhere, a folder is replaced, or packages come and go.

    Empty when there is no environment at `prefix`. Costs a few system calls: it is asked
    before every fork.
    """
    target = prefix.resolve()
    if not (target / "bin" / "python").exists():
        return ""
    packages = sorted((target / "lib").glob("python3*/site-packages"))
    facts = [str(target), *(_facts(target / name) for name in _TELLING)]
    facts += [*(_facts(folder) for folder in packages), str(library.resolve()), _facts(library)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _facts(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return "-"
    return f"{found.st_dev}:{found.st_ino}:{found.st_mtime_ns}:{found.st_ctime_ns}"
