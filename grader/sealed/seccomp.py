"""An allow-list of system calls, compiled to a classic BPF program with the standard library.

The kernel environment has no seccomp library and should not need one for sixty lines. A call
that is not on the list fails with EPERM, so that honest code sees an ordinary error.
"""

from __future__ import annotations

import ctypes
import errno
import platform
from functools import lru_cache

from grader.sealed import syscalls
from grader.sealed.syscall_numbers import allowed_calls

_LOAD, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_REFUSE = 0x00050000 | errno.EPERM
_UNKNOWN = 0x00050000 | errno.ENOSYS
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Offsets in struct seccomp_data.
_NUMBER, _ARCH, _FIRST, _SECOND = 0, 4, 16, 24

#: Any CLONE_NEW* flag: a jailed process makes no namespaces.
_NEW_NAMESPACES = 0x7E020080
_AF_UNIX = 1
#: TCGETS, FIONREAD, TIOCGWINSZ, TIOCGPGRP, FIONBIO, FIONCLEX, FIOCLEX.
_IOCTLS = (0x5401, 0x541B, 0x5413, 0x540F, 0x5421, 0x5450, 0x5451)
#: Names of threads, whether memory can be dumped, which capabilities there are.
_PRCTLS = (15, 16, 3, 23, 0x53564D41)


class _Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction))]


_Step = tuple[int, int, int, int]


def _load(offset: int) -> _Step:
    return (_LOAD, 0, 0, offset)


def _give(verdict: int) -> _Step:
    return (_RETURN, 0, 0, verdict)


def _when(number: int, steps: list[_Step]) -> list[_Step]:
    """Do `steps`, which end in a verdict, when the loaded number is this one."""
    return [(_JUMP_EQUAL, 0, len(steps), number), *steps]


def _only(offset: int, values: tuple[int, ...]) -> list[_Step]:
    """Allow the call when the argument at `offset` is one of `values`."""
    checks = [(_JUMP_EQUAL, len(values) - i, 0, value) for i, value in enumerate(values)]
    return [_load(offset), *checks, _give(_REFUSE), _give(_ALLOW)]


def _conditional(calls: dict[str, int]) -> list[_Step]:
    """The calls whose first arguments decide."""
    no_namespaces = [
        _load(_FIRST),
        (_JUMP_SET, 0, 1, _NEW_NAMESPACES),
        _give(_REFUSE),
        _give(_ALLOW),
    ]
    return [
        *_when(calls.pop("clone"), no_namespaces),
        # Its flags are in memory, out of sight of a filter; the C library then uses clone.
        *_when(calls.pop("clone3"), [_give(_UNKNOWN)]),
        *_when(calls.pop("socket"), _only(_FIRST, (_AF_UNIX,))),
        *_when(calls.pop("ioctl"), _only(_SECOND, _IOCTLS)),
        *_when(calls.pop("prctl"), _only(_FIRST, _PRCTLS)),
    ]


@lru_cache(maxsize=1)
def compile_filter() -> tuple[_Program, ctypes.Array[_Instruction]]:
    """The program and the array it points to (which must outlive it). Compiled once, in the
    zygote, so that a fork only installs it."""
    calls = allowed_calls()
    steps: list[_Step] = [
        _load(_ARCH),
        (_JUMP_EQUAL, 1, 0, _ARCHITECTURE[platform.machine()]),
        _give(_KILL),
        _load(_NUMBER),
        *_conditional(calls),
    ]
    # The x32 calls of x86_64 have bit 30 set and so are equal to none of these.
    for number in sorted(calls.values()):
        steps += _when(number, [_give(_ALLOW)])
    steps.append(_give(_REFUSE))
    array = (_Instruction * len(steps))(*(_Instruction(*step) for step in steps))
    return _Program(len(steps), array), array


def refuse_other_system_calls() -> None:
    """From here on, this process and all it starts can use the listed system calls only."""
    program, _ = compile_filter()
    syscalls.set_seccomp_filter(program)
