"""Each wall of the jail holds something: the attack fails with it and works without it.

These tests run as root, which is how a workshop host grades; what an ordinary user gets is
shown in test_as_an_ordinary_user.py.
"""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

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
    "no_new_privs": (
        "import subprocess\n"
        "subprocess.run([BAIT + '/read-as-root', BAIT + '/of-root'], check=True)",
        frozenset({"mount", "user", "seccomp"}),
    ),
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
def program_of_root(bait: Any) -> Iterator[None]:
    """A file of root's, and a set-uid program that reads it to whoever asks."""
    secret, program = bait.folder / "of-root", bait.folder / "read-as-root"
    secret.write_text("secret")
    secret.chmod(0o600)
    shutil.copy("/bin/cat", program)
    program.chmod(0o4755)
    yield
    secret.unlink()
    program.unlink()


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
@pytest.mark.usefixtures("shared_memory", "program_of_root")
def test_the_attack_fails_with_the_layer_and_works_without(
    layer: str, works: Callable[[str, frozenset[str]], bool]
) -> None:
    attack, others = HOLDS[layer]
    assert not works(attack, LAYERS)
    assert not works(attack, LAYERS - others)
    assert works(attack, LAYERS - others - {layer})


#: limit -> (attack, a tight limit). Beyond the tight limit it works. What takes too long does so by
#: two seconds: the clock is looked at only when the controller has a core.
BOUNDS: dict[str, tuple[str, float]] = {
    "cell_seconds": ("import time\ntime.sleep(2.5)", 0.5),
    "cell_cpu_seconds": (
        "import time\nwhile time.process_time() < 1.5: pass",
        0.5,
    ),
    "notebook_seconds": ("import time\ntime.sleep(2.5)", 0.5),
    "notebook_cpu_seconds": ("import time\nwhile time.process_time() < 1.8: pass", 0.5),
    "memory_megabytes": ("x = bytearray(b'1') * 300 * 2**20\nimport time\ntime.sleep(0.3)", 100),
    "processes": (
        "import threading, time\nfor _ in range(20):\n"
        "    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        10,
    ),
    "file_megabytes": ("open('x', 'wb').write(b'1' * 2**23)", 4),
    "disk_megabytes": (
        "for n in range(3): open(str(n), 'wb').write(b'1' * 2**23)",
        16,
    ),
}


@pytest.fixture
def bounded(engine: Engine, sheet_type: Any) -> Iterator[Callable[[str, str, float | None], bool]]:
    """Whether an attack works under roomy limits, or with one of them made tight."""
    before, sheet = engine.limits, sheet_type("x = 0", ("assert reached == 1",))
    beyond = replace(before, cell_seconds=10.0)

    def run(code: str, limit: str, tight: float | None) -> bool:
        engine.limits = beyond if tight is None else replace(beyond, **{limit: tight})
        outcome = engine.grade(sheet.answered(code + "\nreached = 1"))
        return bool(outcome["test0"].judgement == "passed")

    yield run
    engine.limits = before


@pytest.mark.parametrize("limit", BOUNDS)
def test_the_attack_fails_under_the_limit_and_works_beyond_it(
    limit: str, bounded: Callable[[str, str, float | None], bool]
) -> None:
    attack, tight = BOUNDS[limit]
    assert not bounded(attack, limit, tight)
    assert bounded(attack, limit, None)


@pytest.mark.parametrize("limit", ["cell_output_bytes", "notebook_output_bytes"])
def test_output_is_cut_at_its_limit(limit: str, engine: Engine, sheet_type: Any) -> None:
    before, sheet = engine.limits, sheet_type("x = 0", ("assert x == 0",))
    lengths = []
    for most in (2000, getattr(before, limit)):
        engine.limits = replace(before, **{limit: most})
        outcome = engine.grade(sheet.answered("print('x' * 15_000)"))
        lengths.append(len(repr(outcome["answer"].outputs)))
    engine.limits = before
    assert lengths[0] < 4000 < 15_000 < lengths[1]
