"""Lists what is to be copied of a home: within the seat's limits, notebooks first.

This file is sent as text to `python3 -` on a seat's host and runs there in a jail, as the
seat's account: one file, standard library, Python 3.9 or newer. What it lists was made by an
attendee. It opens nothing but folders and follows no link.

It says one line of JSON (`Found` in listing.py), then, for each entry to copy,
`SIZE MODIFIED CHANGED INODE ./NAME` and a zero byte; times are in nanoseconds.
"""

from __future__ import annotations

import collections
import json
import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

#: Made again by the programs that left them; not anybody's work.
NOT_WORK = frozenset((b"./.cache", b"./.ipython", b"./.npm", b"./.local/share/Trash"))
NOT_WORK_ANYWHERE = frozenset((b"__pycache__",))
#: A longer path can't be opened in one go (PATH_MAX), by rsync neither.
LONGEST_PATH = 4000
#: Names that are listed, all together.
MOST_NAME_BYTES = 16 * 1024**2
_SHOWN = 3


class Entry(NamedTuple):
    """A file, link or folder; for a link, the facts are its own."""

    path: bytes
    size: int
    modified: int
    changed: int
    inode: int

    def record(self) -> bytes:
        return b"%d %d %d %d %s\0" % (
            self.size,
            self.modified,
            self.changed,
            self.inode,
            self.path,
        )


class Walk:
    """What there is in a home, found folder by folder, the upper ones first."""

    def __init__(self, most_entries: int, seconds: float) -> None:
        self.files: list[Entry] = []
        self.folders: list[Entry] = []
        self.unreadable = 0
        self.special = 0
        self.unfinished = False
        self._left = most_entries
        self._until = time.monotonic() + seconds

    def go(self) -> Walk:
        """Look at the folder that we are in, and at everything below it."""
        waiting = collections.deque([b"."])
        while waiting and not self.unfinished:
            folder = waiting.popleft()
            try:
                with os.scandir(folder) as entries:
                    waiting.extend(self._folders_of(entries))
            except OSError:
                self.unreadable += 1
        return self

    def _folders_of(self, entries: Iterable[os.DirEntry[bytes]]) -> Iterator[bytes]:
        """Note the entries of one folder; the folders among them are yielded."""
        for entry in entries:
            self._left -= 1
            if self._left < 0 or time.monotonic() > self._until:
                self.unfinished = True
                return
            if entry.path in NOT_WORK or entry.name in NOT_WORK_ANYWHERE:
                continue
            try:
                facts = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # it has gone since
            if len(entry.path) > LONGEST_PATH:
                self.unreadable += 1
            elif stat.S_ISDIR(facts.st_mode):
                # What is in a folder changes its times, but is listed by itself.
                self.folders.append(Entry(entry.path, 0, 0, facts.st_mode, facts.st_ino))
                yield entry.path
            else:
                self._note(entry.path, facts)

    def _note(self, path: bytes, facts: os.stat_result) -> None:
        regular = stat.S_ISREG(facts.st_mode)
        if not regular and not stat.S_ISLNK(facts.st_mode):
            self.special += 1  # sockets and pipes end with the programs that made them
        elif regular and not os.access(path, os.R_OK):
            self.unreadable += 1
        else:
            times = facts.st_mtime_ns, facts.st_ctime_ns
            self.files.append(Entry(path, facts.st_size, *times, facts.st_ino))


def choose(
    files: Iterable[Entry], most_bytes: int, most_files: int
) -> tuple[list[Entry], list[Entry]]:
    """(chosen, left out): notebooks, then what lies beside notebooks, then the rest; small first.

    A file counts with its length, holes included: that is what reading it costs.
    """
    files = tuple(files)
    labs = {folder_of(file) for file in files if file.path.endswith(b".ipynb")}

    def rank(file: Entry) -> tuple[int, int, bytes]:
        beside = 1 if folder_of(file) in labs else 2
        return (0 if file.path.endswith(b".ipynb") else beside, file.size, file.path)

    chosen: list[Entry] = []
    left_out: list[Entry] = []
    used, names = 0, 0
    for file in sorted(files, key=rank):
        fits = used + file.size <= most_bytes and names + len(file.path) <= MOST_NAME_BYTES
        if fits and len(chosen) < most_files:
            chosen.append(file)
            used, names = used + file.size, names + len(file.path)
        else:
            left_out.append(file)
    return chosen, left_out


def folder_of(file: Entry) -> bytes:
    return file.path.rpartition(b"/")[0]


def shown(path: bytes) -> str:
    """A name that may be shown to anybody, in one line."""
    text = path[2:].decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:100]


def main(most_bytes: int, most_files: int, most_entries: int, seconds: int) -> None:
    walk = Walk(most_entries, seconds).go()
    chosen, left_out = choose(walk.files, most_bytes, most_files)
    # Those that hold a chosen file come along anyway: the rest are empty ones.
    folders, _ = choose(walk.folders, 0, most_files)
    largest = sorted(left_out, key=lambda file: -file.size)[:_SHOWN]
    found = {
        "files": len(chosen),
        "bytes": sum(file.size for file in chosen),
        "left_out_files": len(left_out) + len(walk.folders) - len(folders),
        "left_out_bytes": sum(file.size for file in left_out),
        "largest_left_out": [shown(file.path) for file in largest],
        "unreadable": walk.unreadable,
        "special": walk.special,
        "unfinished": walk.unfinished,
    }
    out = sys.stdout.buffer
    out.write(json.dumps(found).encode() + b"\n")
    for entry in sorted(folders + chosen):
        out.write(entry.record())
    out.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
