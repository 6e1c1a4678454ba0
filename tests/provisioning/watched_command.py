"""Runs `workshop` while noting which processes it starts, which files it writes, what it logs.

    python -m tests.provisioning.watched_command NOTES WORD...

NOTES gets one JSON list a line: ["process", [argv...]] or ["file", path]. NOTES.log gets what
any library logs from the level INFO on. The umask is 0, so each file has the mode it asked for.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, TextIO

#: A process that is started on purpose, so that a reader knows that notes are taken.
MARK = "/bin/true"
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_STARTS = {"subprocess.Popen": 1, "os.posix_spawn": 1, "os.exec": 1, "os.spawn": 2, "os.system": 0}


def watch(notes: TextIO) -> None:
    """See https://docs.python.org/3/library/audit_events.html"""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and _is_path(arguments[0]) and arguments[2] & _WRITING:
            path = Path.cwd() / os.fsdecode(arguments[0])
            notes.write(json.dumps(["file", str(path)]) + "\n")
        elif event in _STARTS:
            argv = arguments[_STARTS[event]]
            words = [argv] if isinstance(argv, str | bytes) else argv
            notes.write(json.dumps(["process", [os.fsdecode(word) for word in words]]) + "\n")

    sys.addaudithook(hook)


def _is_path(value: object) -> bool:
    return isinstance(value, str | bytes | os.PathLike)


def main() -> None:
    path, *words = sys.argv[1:]
    sys.argv = ["workshop", *words]
    os.umask(0)
    logging.basicConfig(filename=f"{path}.log", level=logging.INFO)
    with Path(path).open("a", buffering=1, encoding="utf-8") as notes:
        watch(notes)
        subprocess.run([MARK], check=True)
        import cli

        cli.main()


if __name__ == "__main__":
    main()
