"""One grader at a time: a lock that the kernel releases when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.errors import NotPossibleHere


@contextmanager
def only_grader(file: Path) -> Iterator[None]:
    """Hold the course's lock, or raise NotPossibleHere naming the holder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            raise NotPossibleHere(
                f"another grader is at work on this course (process {stream.read().strip()})",
                next_step="wait until it has finished, then run the command again",
            ) from error
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield
