"""Submissions that attack what runs them: limits hold, nothing is left, the next one is safe."""

# ruff: noqa: E501 - a notebook cell on one line reads better than one cut in two

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.sealed.submission import Outcome

pytestmark = pytest.mark.attack

_LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"

#: Wrong answers that do harm on the way. Both tests fail; `attack` asserts that nothing happened.
HARM = {
    "delete everything": "import shutil\nshutil.rmtree('/', ignore_errors=True)\ndef f(x): return 0",
    "write the gradebook": "open(BAIT + '/gradebook.db', 'w').write('100')",
    "write a file outside": "open(BAIT + '/new', 'w').write('1')",
    "write through a link": (
        "import os\nos.symlink(BAIT + '/gradebook.db', 'x')\nopen('x', 'w').write('100')"
    ),
    "patch the environment on disk": (
        "import numpy, pathlib\npathlib.Path(numpy.__file__).write_text('boom')"
    ),
    "patch the interpreter's folder": "open('/usr/lib/python3/x', 'w')",
    "connect to this machine": (
        "import socket\nsocket.create_connection(('127.0.0.1', PORT), 1).sendall(b'x')"
    ),
    "connect without a socket call of Python": (
        _LIBC + "assert libc.socket(2, 1, 0) >= 0, os.strerror(ctypes.get_errno())"
    ),
    "send by datagram and raw socket": (
        "import socket\nfor kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):\n"
        "    socket.socket(socket.AF_INET, kind).sendto(b'x', ('127.0.0.1', PORT))"
    ),
    "connect to a socket of the machine": (
        "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('/run/dbus/system_bus_socket')"
    ),
    "download": "import urllib.request\nurllib.request.urlopen('http://example.org', timeout=1)",
    "kill the process given": "import os\nos.kill(VICTIM, 9)",
    "kill everybody": (
        "import os, signal\nfor sig in (15, 9):\n    try: os.kill(-1, sig)\n    except OSError: pass"
    ),
    "kill the parent": "import os\nos.kill(os.getppid(), 9)",
    "kill by every number": (
        "import os\nfor pid in range(2, 40000):\n    try: os.kill(pid, 9)\n    except OSError: pass"
    ),
    "kill its process group": "import os\nos.killpg(0, 9)",
    "stop everybody": "import os, signal\nos.kill(-1, signal.SIGSTOP)\ndef f(x): return 0",
    "an alarm every millisecond": (
        "import signal\nsignal.signal(14, lambda *a: 1 / 0)\nsignal.setitimer(0, 0.001, 0.001)\n"
        "def f(x): return 0"
    ),
    "orders to the zygote on every socket": (
        "import json, os, socket\n"
        "order = json.dumps({'role': 'student', 'jail': {}, 'groups': []}).encode()\n"
        "for fd in range(3, 60):\n"
        "    try: socket.send_fds(socket.socket(fileno=os.dup(fd)), [order], [0, 1, 2])\n"
        "    except OSError: pass\ndef f(x): return 0"
    ),
    "plant a verdict in the cache": (
        "import pathlib\npathlib.Path(BAIT, 'cache/ab.json').write_text('{\"judgement\": \"passed\"}')"
    ),
    "leave a daemon": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(1000)\n    os._exit(0)"
    ),
    "leave a shell command": "import subprocess\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)",
    "fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "fork bomb in a shell": "import os\nos.system('b() { b | b & }; b')",
    "thread bomb": (
        "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(99,)).start()"
    ),
    "memory": "x = bytearray(3 * 2**30)",
    "memory, page by page": "x = []\nwhile True: x.append(bytearray(2**22))",
    "memory in many processes": (
        "import os\nfor _ in range(8):\n    if os.fork() == 0:\n        x = bytearray(2**28)\n"
        "        for i in range(0, 2**28, 4096): x[i] = 1\n        import time; time.sleep(99)\n"
        "import time; time.sleep(99)"
    ),
    "memory shared": (
        "import mmap\nx = []\nwhile True:\n    m = mmap.mmap(-1, 2**24)\n    m.write(b'1' * 2**24)\n"
        "    x.append(m)"
    ),
    "memory files": _LIBC + "assert libc.memfd_create(b'x', 0) >= 0, 'refused'",
    "a large file": "open('big', 'wb').write(b'0' * 2**28)",
    "many files": "n = 0\nwhile True:\n    open(f'/tmp/{n}', 'wb').write(b'0' * 2**20); n += 1",
    "many empty files": "n = 0\nwhile True:\n    open(f'/tmp/{n}', 'w').close(); n += 1",
    "many open files": "x = [open('/dev/null') for _ in range(100000)]",
    "an endless loop": "while True: pass",
    "an endless loop in a call": "def f(x):\n    while True: pass",
    "an endless sleep": "import time\ntime.sleep(1000)",
    "interrupts swallowed": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    ),
    "interrupts swallowed in a call": (
        "def f(x):\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass"
    ),
    "interrupts ignored": "import signal\nsignal.signal(2, signal.SIG_IGN)\nwhile True: pass",
    "signals blocked": "import signal\nsignal.pthread_sigmask(0, range(1, 65))\nwhile True: pass",
    "a thread that never ends": (
        "import threading\ndef spin():\n    while True: pass\nthreading.Thread(target=spin).start()"
    ),
    "a crash": "import ctypes\nctypes.string_at(0)",
    "an abort": "import os\nos.abort()",
    "end of the process": "import os\nos._exit(0)",
    "end of the process in a call": "import os\ndef f(x): os._exit(0)",
    "another program in its place": "import os\nos.execv('/bin/sleep', ['sleep', '100'])",
    "new namespaces": _LIBC + "assert libc.unshare(0x10000000) == 0, 'refused'",
    "a mount": _LIBC + "assert libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0, 'refused'",
    "back to the old root": _LIBC + "os.chroot('/proc/1/root')",
    "become root": "import os\nos.setuid(0)",
    "set-uid programs": "import subprocess\nsubprocess.run(['su', '-c', f'touch {BAIT}/new'], check=True)",
    "kernel interfaces": (
        _LIBC + "for n in (101, 298, 321, 323, 425, 250, 248, 175, 169, 246, 272, 308, 165, 310):\n"
        "    assert libc.syscall(n, 0, 0, 0, 0, 0) == -1\n    assert ctypes.get_errno() == 1, n\nraise OSError"
    ),
    "write to the kernel's settings": "open('/proc/sys/kernel/core_pattern', 'w').write('|/bin/sh')",
    "type into a terminal": ("import fcntl, termios\nfcntl.ioctl(0, termios.TIOCSTI, b'x')"),
    "raise its limits": ("import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))"),
    "priority": "import os\nos.nice(-20)",
    "a value of 1 GB": "import numpy as np\ndef f(x): return np.zeros(2**27)",
    "an endless list": "def f(x):\n    y = []\n    y.append(y)\n    return y",
    "a million objects": "def f(x): return [object() for _ in range(10**6)]",
    "callbacks without end": "def f(x):\n    return f(x)",
}


@pytest.mark.parametrize("name", HARM)
def test_no_harm_is_done_by(name: str, attack: Callable[..., Outcome]) -> None:
    began = time.monotonic()
    outcome = attack(HARM[name])
    assert all(cell.judgement == "failed" for cell in outcome.cells if cell.kind == "test"), [
        (cell.judgement, cell.reason) for cell in outcome.cells
    ]
    assert time.monotonic() - began < 90


FLOODS = {
    "print": "print('x' * 50_000_000)",
    "prints": "for _ in range(3_000_000): print('flood')",
    "C code": "import os\nfor _ in range(1000): os.write(1, b'x' * 50_000)",
    "a command": "!yes | head -c 50000000",
    "displays": "from IPython.display import display\nfor i in range(20000): display(i)",
    "an exception": "raise ValueError('x' * 50_000_000)",
    "stderr": "import sys\nsys.stderr.write('x' * 50_000_000)",
}


@pytest.mark.parametrize("name", FLOODS)
def test_output_is_cut(name: str, attack: Callable[..., Outcome]) -> None:
    outcome = attack(FLOODS[name] + "\n")
    assert len(repr(outcome.cells)) < 400_000


LEAVE = """
import os, builtins, numpy as np, mxnet as mx, sys
np.testing.assert_allclose = lambda *a, **k: None
builtins.isinstance = lambda *a: True
sys.modules['numpy'].POISON = True
for folder in ('/tmp', '/dev/shm', '/desk', '/var/tmp'):
    open(folder + '/POISON', 'w').write('x')
def f(x): return 0
"""
LOOK = """
import os, numpy, builtins
found = [p for p in ('/tmp/POISON', '/dev/shm/POISON', '/desk/POISON', '/var/tmp/POISON')
         if os.path.exists(p)]
found += [hasattr(numpy, 'POISON')] * hasattr(numpy, 'POISON')
found += [builtins.isinstance] * (builtins.isinstance.__name__ != 'isinstance')
print('FOUND', found)
def f(x): return 0
"""


def test_nothing_is_left_for_the_next_submission(attack: Callable[..., Outcome]) -> None:
    for _ in range(3):
        attack(LEAVE)
    outcome = attack(LOOK)
    assert outcome["answer"].outputs[0]["text"] == "FOUND []\n"


def test_a_killed_process_keeps_the_points_of_tests_before(
    attack: Callable[..., Outcome],
) -> None:
    right = "def f(x): return x * 3 + 1"
    outcome = attack(right, later="import os\nos._exit(0)", earned=1)
    assert [c.judgement for c in outcome.cells if c.kind == "test"] == ["passed", "failed"]
    assert outcome["test1"].reason == "the submission ended its own process (exit code 0)"


def test_a_cell_that_was_interrupted_leaves_the_rest_alone(
    attack: Callable[..., Outcome],
) -> None:
    right = "def f(x): return x * 3 + 1"
    outcome = attack(right, later="while True: pass", earned=2)
    assert [c.judgement for c in outcome.cells if c.kind == "test"] == ["passed", "passed"]
    # A loop uses up both limits at the same moment.
    assert outcome["later"].reason in (
        "it took longer than 3 seconds",
        "it used more than 3 seconds of CPU time",
    )


def test_the_jail_shows_the_environment_and_nothing_else(attack: Callable[..., Outcome]) -> None:
    answer = "import os\nprint(sorted(os.listdir('/')), os.listdir('/desk'), os.getuid())"
    text = attack(answer)["answer"].outputs[0]["text"]
    assert "'root'" not in text
    assert "'home'" not in text
    assert text.rstrip().endswith("[] 1000")


def test_no_control_group_is_left(nlp_python: Path, tmp_path: Path) -> None:
    from grader.sealed.engine import Engine

    engine = Engine(nlp_python, tmp_path)
    groups = [Path(path) for group in engine._groups.values() for path in group.paths]
    engine.close()
    assert not [group for group in groups if group.exists()]
