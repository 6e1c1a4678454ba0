"""Our own program as hosts run it: one zip file, sent over SSH to their Python each time."""

from __future__ import annotations

import functools
import io
import shlex
import zipfile
from pathlib import Path

from provisioning.environments.shipping.on_host import boot

PYTHON = "/usr/bin/python3"
_SOURCES = Path(__file__).parent / "on_host"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def command(verb: str) -> str:
    """What to run on a host, as root. It reads `opening()` and then its order from stdin."""
    return shlex.join([PYTHON, *boot.OPTIONS, verb])


@functools.cache
def opening() -> bytes:
    """The first bytes on its standard input: the program itself."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as program:
        for source in sorted(_SOURCES.glob("*.py")):
            entry = zipfile.ZipInfo(f"on_host/{source.name}", _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            program.writestr(entry, source.read_bytes())
    return boot.header(packed.getvalue())
