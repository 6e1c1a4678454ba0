"""Each wall of the jail holds something: the attack fails with it and works without it.

These tests run as root, which is how a workshop host grades; what an ordinary user gets is
shown in test_as_an_ordinary_user.py.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator

import pytest

from grader.sealed.engine import Engine
from grader.sealed.jail import LAYERS

_LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
_SHARED_KEY = 0x5EA1ED
_STORE = _LIBC + "libc.syscall(248, b'user', b'left', b'text', 4, -4)\n"
_FIND = _LIBC + "assert libc.syscall(250, 10, -4, b'user', b'left', 0) > 0\n"

#: layer -> (attack, layers that are taken away as well, because they hold the same thing)
HOLDS: dict[str, tuple[str, frozenset[str]]] = {
    "mount": ("open(BAIT + '/gradebook.db').read()", frozenset()),
    "pid": ("open(f'/proc/{VICTIM}/cmdline').read()", frozenset()),
    "net": (
        "import socket\nsocket.create_connection(('127.0.0.1', PORT), 1).close()",
        frozenset({"seccomp"}),
    ),
    "ipc": (
        _LIBC + f"assert libc.shmget({_SHARED_KEY}, 0, 0) >= 0",
        frozenset({"seccomp"}),
    ),
    "uts": ("import os\nassert os.uname().nodename != 'sealed'", frozenset()),
    "user": (_FIND, frozenset({"seccomp"})),
    "uid": ("open('/proc/sys/kernel/core_pattern', 'r+').close()", frozenset({"user"})),
    "seccomp": (_LIBC + "assert libc.unshare(0x10000000) == 0", frozenset()),
    "rlimits": ("open('/tmp/large', 'wb').write(b'0' * 20 * 2**20)", frozenset()),
}


@pytest.fixture
def shared_memory() -> Iterator[None]:
    """A segment of the machine's that everybody may read."""
    libc = ctypes.CDLL(None)
    number = libc.shmget(_SHARED_KEY, 4096, 0o1666)
    assert number >= 0
    yield
    libc.shmctl(number, 0, None)


@pytest.fixture
def works(engine: Engine, bait: object, sheet_type: Callable[..., object]) -> Iterator[object]:
    """Whether an attack works when only these layers are there."""
    sheet = sheet_type("x = 0", ("assert reached == 1",))

    def run(code: str, layers: frozenset[str]) -> bool:
        engine.layers = layers
        for _ in range(2 if code == _FIND else 0):  # once with the account of each slot
            engine.grade(sheet.answered(_STORE))  # type: ignore[attr-defined]
        text = bait.code() + code + "\nreached = 1"  # type: ignore[attr-defined]
        outcome = engine.grade(sheet.answered(text))  # type: ignore[attr-defined]
        return outcome["test0"].judgement == "passed"

    yield run
    engine.layers = LAYERS


@pytest.mark.parametrize("layer", sorted(LAYERS))
@pytest.mark.usefixtures("shared_memory")
def test_the_attack_fails_with_the_layer_and_works_without(
    layer: str, works: Callable[[str, frozenset[str]], bool]
) -> None:
    attack, others = HOLDS[layer]
    assert not works(attack, LAYERS)
    assert not works(attack, LAYERS - others)
    assert works(attack, LAYERS - others - {layer})
