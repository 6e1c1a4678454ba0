"""One ship of a version at a time on a host."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from .voice import Refused


def hold(lock: Path, seconds: float) -> int:
    """A descriptor that holds `lock`: it is free again when all who have it end.

    Raises Refused("busy") when another ship of the same version keeps it that long.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(descriptor)
                raise Refused(
                    "busy",
                    f"another ship of {lock.stem[len('ship-') :]} is under way on this host",
                    "wait until it ends, then ship again: what is there will be kept",
                ) from None
            time.sleep(0.2)
        else:
            return descriptor
