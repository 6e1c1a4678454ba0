"""The hosts' disks are this machine's memory: here it is kept from costing what no disk costs."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.cloud.machines.yard import PlainHost

_POPULATE_WRITE = 23  # MADV_POPULATE_WRITE of linux/mman.h, from Linux 5.14 on
_PIECE = 2**20
#: Left to everybody else while all the rest is touched once.
_SPARE = 2**30


@contextlib.contextmanager
def memory_that_stays() -> Iterator[None]:
    """Free memory isn't given back to the machine below this one meanwhile.

    A virtual machine may give back what is free for a moment, in whole pieces of 2 MiB, and to
    touch that again costs three microseconds for every 4 KiB: for the disks of fifty hosts a
    tenth of everything. So all of it is touched once, and a page of every 1 MiB is held.
    """
    size = (_free_memory() - _SPARE) // _PIECE * _PIECE
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS  # pages of others can't be given up
    with mmap.mmap(-1, max(size, _PIECE), flags=private) as held:
        held.madvise(mmap.MADV_NOHUGEPAGE)
        held.madvise(_POPULATE_WRITE)
        for piece in range(0, len(held), _PIECE):
            held.madvise(mmap.MADV_DONTNEED, piece + mmap.PAGESIZE, _PIECE - mmap.PAGESIZE)
        yield


def write_in_large_pieces(hosts: Sequence[PlainHost]) -> None:
    """A chunk takes memory at once and not page by page, as XFS and newer ext4 do it, too."""
    for host in hosts:
        host.machine.remount_disk("huge=within_size")


def _free_memory() -> int:
    """Bytes that nobody uses, not even for caching files."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemFree:"))
