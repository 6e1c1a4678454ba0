"""One grader at a time: locks that the kernel releases when their holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from grader.errors import NotPossibleHere

#: Told once, with who holds the lock, when it has to be waited for.
OnWait = Callable[[str], None]


def _in_silence(holder: str) -> None:
    """An OnWait for callers whom nobody watches."""


@contextmanager
def only_grader(file: Path, what: str, on_wait: OnWait = _in_silence) -> Iterator[None]:
    """Hold the course's lock, waiting for it if need be; `what` is what others are told.

    Whoever comes waits at a turnstile before the lock. So the grader that works as submissions
    come in, which gives the lock back for a moment only, can't keep a person waiting for ever.
    """
    with ExitStack() as held:
        lock = _opened(file, held)
        with ExitStack() as entering:
            turnstile = _opened(file.with_name(f"{file.name}.next"), entering)
            if not _taken_at_once(turnstile) or not _taken_at_once(lock):
                on_wait(_holder(lock))
                fcntl.flock(turnstile, fcntl.LOCK_EX)
                fcntl.flock(lock, fcntl.LOCK_EX)
        _sign(lock, what)
        yield


@contextmanager
def only_one(file: Path, what: str, refusal: str, next_step: str) -> Iterator[None]:
    """Hold a lock that nobody waits for; NotPossibleHere when it is taken."""
    with ExitStack() as held:
        lock = _opened(file, held)
        if not _taken_at_once(lock):
            raise NotPossibleHere(f"{refusal} ({_holder(lock)})", next_step=next_step)
        _sign(lock, what)
        yield


def _opened(file: Path, stack: ExitStack) -> IO[str]:
    file.parent.mkdir(parents=True, exist_ok=True)
    return stack.enter_context(file.open("a+"))


def _taken_at_once(stream: IO[str]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(stream: IO[str], what: str) -> None:
    stream.truncate(0)
    stream.write(f"{what}, process {os.getpid()}")
    stream.flush()


def _holder(stream: IO[str]) -> str:
    stream.seek(0)
    return stream.read().strip() or "another grader"
