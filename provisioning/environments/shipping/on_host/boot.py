"""How these programs get onto a host: through the standard input of its Python."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

# The first line says how many bytes of a compressed zip file follow (as a whole it gets smaller
# than member by member). They stay in memory (memfd_create), so a host has nothing of ours
# installed that could be old, and nothing to clean up.
BOOT = """
import os, sys, zlib
sys.version_info >= (3, 9) or sys.exit("Python 3.9 or newer is needed")
size = int(sys.stdin.buffer.readline())
program = os.memfd_create("workshop")
os.write(program, zlib.decompress(sys.stdin.buffer.read(size)))
sys.path.insert(0, "/proc/self/fd/%d" % program)
from on_host.main import main
main(sys.argv[1:])
"""

#: No site-packages, no user's settings, nothing written beside the program.
OPTIONS = ("-I", "-S", "-B", "-c", BOOT)


def header(program: bytes) -> bytes:
    """What BOOT reads before it starts `program`."""
    packed = zlib.compress(program, 9)
    return b"%d\n" % len(packed) + packed


def start_another(verb: str, *, keep_open: int) -> subprocess.Popen[bytes]:
    """The same program for another task, in a process of its own. `keep_open` is passed on."""
    import subprocess  # slow to import: a relay that waits for chunks needn't

    process = subprocess.Popen(
        [sys.executable, *OPTIONS, verb],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(keep_open,),
    )
    assert process.stdin is not None  # noqa: S101 - it was asked for
    process.stdin.write(header(Path(sys.path[0]).read_bytes()))
    return process
