"""Walls around one session: its own processes, files to write to, network and rights.

Called in a fork of the server that has one thread and is about to run an attendee's code. Made
of system calls alone, because an emulated machine has no other program.
"""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress

#: linux/sched.h, linux/mount.h, linux/prctl.h, linux/capability.h
_NEWNS, _NEWIPC, _NEWPID, _NEWNET = 0x20000, 0x08000000, 0x20000000, 0x40000000
_NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND = 0x2, 0x4, 0x8, 0x20, 0x1000
_RDONLY, _REC, _PRIVATE = 0x1, 0x4000, 0x40000
_PDEATHSIG, _CAPBSET_DROP, _NO_NEW_PRIVS, _CAP_AMBIENT, _AMBIENT_CLEAR = 1, 24, 38, 47, 4
_CAPABILITY_VERSION, _LAST_CAPABILITY = 0x20080522, 63


class WallsDown(Exception):
    """A wall could not be made; the session must not begin."""


def separate() -> None:
    """Leave the other sessions' namespaces. The next fork is the first process of its own."""
    _call("unshare", _NEWNS | _NEWIPC | _NEWPID | _NEWNET)


def close_in(scratch_bytes: int) -> None:
    """In that first process: end with its parent, see only itself, give up every right."""
    _call("prctl", _PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    _mount(None, "/", None, _REC | _PRIVATE)
    size = f"size={scratch_bytes},nr_inodes=4096,mode=700"
    _mount("tmpfs", "/tmp", "tmpfs", _NOSUID | _NODEV, size)  # noqa: S108 - the session's own
    _show_own_processes()
    for folder in ("/dev/shm", "/dev/pts"):  # noqa: S108
        if os.path.isdir(folder):  # noqa: PTH112 - few imports on an emulated machine
            _mount("tmpfs", folder, "tmpfs", _NOSUID | _NODEV, "size=16m")
    _mount(None, "/dev", None, _REMOUNT | _BIND | _RDONLY | _NOSUID)
    _give_up_rights()
    os.chdir("/tmp")  # noqa: S108


def _show_own_processes() -> None:
    try:
        _mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    except WallsDown:  # some containers refuse it: then it sees none
        _mount("tmpfs", "/proc", "tmpfs", _NOSUID | _NODEV | _NOEXEC, "size=4k")


def _give_up_rights() -> None:
    with suppress(WallsDown):  # no such capability on this kernel
        for number in range(_LAST_CAPABILITY):
            _call("prctl", _CAPBSET_DROP, number, 0, 0, 0)
    _call("prctl", _CAP_AMBIENT, _AMBIENT_CLEAR, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())
    _call("prctl", _NO_NEW_PRIVS, 1, 0, 0, 0)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    texts = [text.encode() if text else None for text in (source, target, kind, data)]
    _call("mount", texts[0], texts[1], texts[2], flags, texts[3])


def _call(name: str, *arguments: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) != 0:
        raise WallsDown(f"{name}: {os.strerror(ctypes.get_errno())}")
