"""The few calls of Linux that Python 3.11 has no function for."""

from __future__ import annotations

import ctypes
import errno
import os
import struct

_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
#: More than Linux has; the kernel says where its own list ends.
_MOST_CAPABILITIES = 64
_KEYCTL_JOIN_SESSION_KEYRING = 1
_SYS_KEYCTL = {"x86_64": 250, "aarch64": 219}

_libc = ctypes.CDLL(None, use_errno=True)
#: The same library, called without letting go of Python's lock.
_held_libc = ctypes.PyDLL(None)


def can_fork() -> bool:
    """Whether this C library has the call (glibc 2.34, 2021)."""
    return hasattr(_held_libc, "_Fork")


def fork() -> int:
    """`os.fork` without the handlers that C libraries have set up for forks.

    MXNet's would start its threads in parent and child. Without it nothing has a thread yet,
    and each child starts its own when it first computes, as after a plain start.
    """
    ctypes.pythonapi.PyOS_BeforeFork()
    child = int(_held_libc._Fork())
    if child == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    else:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    if child < 0:
        raise OSError("fork: no process could be made")
    return child


def join_namespace(descriptor: int) -> None:
    """Enter the namespace behind an open /proc/PID/ns/* file. OSError if it may not."""
    _check(_libc.setns(descriptor, 0), "setns")


def forbid_every_capability() -> None:
    """Empty the bounding set: not even a program with file capabilities gives one back."""
    for number in range(_MOST_CAPABILITIES):
        if _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) != 0:
            if number > 0 and ctypes.get_errno() == errno.EINVAL:
                break  # the end of the kernel's list
            _check(-1, "PR_CAPBSET_DROP")
    _check(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "PR_CAP_AMBIENT")


def give_up_capabilities() -> None:
    """Effective, permitted and inheritable: none."""
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, bytes(24)), "capset")


def never_gain_privileges() -> None:
    """From now on setuid programs and file capabilities give nothing."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")


def let_own_account_look() -> None:
    """A process that gave up root is closed to its own account until this is called."""
    _check(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "PR_SET_DUMPABLE")


def adopt_orphans() -> None:
    """Processes below us whose parents end become our children."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "PR_SET_CHILD_SUBREAPER")


def leave_keyring() -> None:
    """Keys of root's session stay behind. A system without keyrings has none to leave."""
    number = _SYS_KEYCTL.get(os.uname().machine)
    if number is not None:
        _libc.syscall(number, _KEYCTL_JOIN_SESSION_KEYRING, None)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
