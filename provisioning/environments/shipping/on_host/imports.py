"""Whether an environment works on this host: import what it is for, owning nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

NOBODY = 65534
_IMPORT_SECONDS = 600
_LOOK_SECONDS = 120

# Runs in the environment. The name comes first, so that a crash says whose it is.
_IMPORT_EACH = """
import importlib, json, sys
for module in sys.argv[1:]:
    print("\\n" + json.dumps(["try", module]), flush=True)
    try:
        importlib.import_module(module)
    except BaseException as error:
        failure = f"{type(error).__name__}: {error}"
        print("\\n" + json.dumps(["failed", module, failure]), flush=True)
print("\\n" + json.dumps(["end"]), flush=True)
"""


def import_failures(python: Path, modules: tuple[str, ...]) -> list[dict[str, str]]:
    """What can't be imported and why: [{"module": ..., "error": ...}]."""
    try:
        finished = as_nobody([python, "-I", "-B", "-c", _IMPORT_EACH, *modules], _IMPORT_SECONDS)
    except subprocess.TimeoutExpired:
        return [{"module": "", "error": f"importing took more than {_IMPORT_SECONDS} s"}]
    except OSError as error:
        return [{"module": "", "error": f"{python} can't be run: {error.strerror}"}]
    said = [json.loads(line) for line in finished.stdout.splitlines() if line.startswith('["')]
    failures = [{"module": each[1], "error": each[2]} for each in said if each[0] == "failed"]
    if ["end"] not in said:
        tried = [each[1] for each in said if each[0] == "try"]
        how = f"the process ended with status {finished.returncode}: {finished.stderr[-300:]}"
        failures.append({"module": tried[-1] if tried else "", "error": how})
    return failures


def missing_libraries(prefix: Path) -> list[str]:
    """Shared libraries that files of the environment need and this host doesn't have.

    The loader names one at a time, when something is imported; this looks for all.
    """
    shared = [str(path) for path in prefix.rglob("*.so*") if path.is_file()]
    found: set[str] = set()
    for at in range(0, len(shared), 500):
        try:
            said = as_nobody(["ldd", *shared[at : at + 500]], _LOOK_SECONDS).stdout
        except (OSError, subprocess.TimeoutExpired):
            break
        found |= set(re.findall(r"^\s*(\S+) => not found", said, re.MULTILINE))
    # Those of the environment itself are found by the paths that its Python sets up.
    own = {Path(path).name for path in shared}
    return sorted(found - own)


def pip_check(python: Path, prefix: Path) -> list[str]:
    """What `pip check` says, a line each; nothing when the environment has no pip."""
    if not any(prefix.glob("lib/python3*/site-packages/pip/__main__.py")):
        return []
    try:
        finished = as_nobody([python, "-I", "-B", "-m", "pip", "check"], _LOOK_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"pip check can't be run: {error}"]
    return [] if finished.returncode == 0 else finished.stdout.splitlines()


def as_nobody(command: list[Any], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run `command` under an account that owns nothing, as a seat would."""
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
        timeout=seconds,
        check=False,
        **_account(),
    )


def _account() -> dict[str, Any]:
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
