"""Our own program as hosts run it: one zip file, sent over SSH to their Python each time."""

from __future__ import annotations

import functools
import importlib.util
import io
import marshal
import shlex
import zipfile
from pathlib import Path

from provisioning.environments.shipping.on_host import boot

PYTHON = "/usr/bin/python3"
#: The large part of what every host of a ship imports before it does anything. The rest compiles
#: in no time, and everybody gets this over the same uplink.
WORTH_COMPILING = ("chunks", "fetching", "frames", "greeting", "receiving", "switchboard")
_SOURCES = Path(__file__).parent / "on_host"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
#: The flags of a .pyc that stands beside its source for good, so that nobody need compare them.
_MATCHES_SOURCE = 0b01


def command(verb: str) -> str:
    """What to run on a host, as root. It reads `opening()` and then its order from stdin."""
    return shlex.join([PYTHON, *boot.OPTIONS, verb])


@functools.cache
def opening() -> bytes:
    """The first bytes on its standard input: the program itself.

    The large part of what a ship begins with is there compiled as well, for hosts with the same
    Python as ours: that saves a sixth of its start. Others compile the sources. Takes a moment
    the first time, so whoever talks to hosts in threads asks for it before.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as program:
        for source in sorted(_SOURCES.glob("*.py")):
            program.writestr(_entry(source.name), source.read_bytes())
        for name in WORTH_COMPILING:
            program.writestr(_entry(f"{name}.pyc"), _compiled(f"{name}.py"))
    return boot.header(packed.getvalue())


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(f"on_host/{name}", _LONG_AGO)


def _compiled(name: str) -> bytes:
    """A .pyc with the hash of its source; a host with another Python passes over it.

    https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation
    """
    text = (_SOURCES / name).read_bytes()
    code = compile(text, f"on_host/{name}", "exec", dont_inherit=True, optimize=2)  # no docstrings
    head = importlib.util.MAGIC_NUMBER + _MATCHES_SOURCE.to_bytes(4, "little")
    return head + importlib.util.source_hash(text) + marshal.dumps(code)
