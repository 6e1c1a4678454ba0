"""Our own program as hosts run it: one zip file, sent over SSH to their Python each time."""

from __future__ import annotations

import ast
import functools
import importlib.util
import io
import marshal
import shlex
import zipfile
from pathlib import Path

from provisioning.environments.shipping.on_host import boot

PYTHON = "/usr/bin/python3"
_SOURCES = Path(__file__).parent / "on_host"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
#: What every host of a ship runs at once; other tasks are one host's own time.
_AT_THE_START = ("__init__", "main", "receiving")
#: Smaller sources compile in no time, and everybody gets this over the same uplink.
_WORTH_COMPILING_BYTES = 2650
#: The flags of a .pyc that stands beside its source for good, so that nobody need compare them.
_MATCHES_SOURCE = 0b01


def command(verb: str) -> str:
    """What to run on a host, as root. It reads `opening()` and then its order from stdin."""
    return shlex.join([PYTHON, *boot.OPTIONS, verb])


@functools.cache
def opening() -> bytes:
    """The first bytes on its standard input: the program itself.

    The large part of what a ship begins with is there compiled as well, for hosts with the same
    Python as ours: that saves a sixth of its start. Others compile the sources.
    """
    texts = {source.stem: source.read_bytes() for source in sorted(_SOURCES.glob("*.py"))}
    needed = _needed_at_the_start(texts)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as program:
        for name, text in texts.items():
            path = f"on_host/{name}.py"
            program.writestr(zipfile.ZipInfo(path, _LONG_AGO), text)
            if name in needed and len(text) > _WORTH_COMPILING_BYTES:
                program.writestr(zipfile.ZipInfo(f"{path}c", _LONG_AGO), _compiled(path, text))
    return boot.header(packed.getvalue())


def _needed_at_the_start(texts: dict[str, bytes]) -> set[str]:
    """The modules that a ship imports before it does anything, and what they import."""
    needed: set[str] = set()
    left = list(_AT_THE_START)
    while left:
        name = left.pop()
        if name not in needed:
            needed.add(name)
            left += _imports_of_ours(texts[name])
    return needed


def _imports_of_ours(text: bytes) -> list[str]:
    """Modules beside this one that it imports at once: `from .chunks import Chunks`."""
    imports = [each for each in ast.parse(text).body if isinstance(each, ast.ImportFrom)]
    ours = [each for each in imports if each.level]
    return [name for each in ours for name in ([each.module] if each.module else _names(each))]


def _names(statement: ast.ImportFrom) -> list[str]:
    return [alias.name for alias in statement.names]


def _compiled(path: str, text: bytes) -> bytes:
    """A .pyc with the hash of its source; a host with another Python passes over it.

    https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation
    """
    code = compile(text, path, "exec", dont_inherit=True)
    head = importlib.util.MAGIC_NUMBER + _MATCHES_SOURCE.to_bytes(4, "little")
    return head + importlib.util.source_hash(text) + marshal.dumps(code)
