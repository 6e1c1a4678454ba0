"""Submissions that look for hidden tests, or carry what they saw out: none succeeds.

`attack` itself asserts that the text which stands in hidden tests only appears nowhere in what
the attendee gets to see. Every attack here prints, returns or raises all that it finds.
"""

# ruff: noqa: E501 - a notebook cell on one line reads better than one cut in two

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from grader.sealed.submission import Outcome

pytestmark = pytest.mark.attack

#: Put together at run time, so that a search does not find the search itself.
_NEEDLE = "needle = b'ORCHID' + b'-77'\n"

_WALK = (
    _NEEDLE
    + """
import os
def search(top):
    for folder, _, names in os.walk(top):
        if folder.startswith(('/proc', '/usr')): continue
        for name in names:
            try:
                path = os.path.join(folder, name)
                if os.path.getsize(path) < 10**6 and not 'site-packages' in folder:
                    data = open(path, 'rb').read()
                    if needle in data: print(path, data[data.index(needle):][:40])
            except OSError: pass
"""
)

_MEMORY = (
    _NEEDLE
    + """
def scan():
    for line in open('/proc/self/maps'):
        span, rights = line.split()[:2]
        low, high = (int(n, 16) for n in span.split('-'))
        if 'r' not in rights or 'w' not in rights or high - low > 2**28: continue
        with open('/proc/self/mem', 'rb') as memory:
            try:
                memory.seek(low)
                data = memory.read(high - low)
            except (OSError, ValueError): continue
        at = data.find(needle)
        while at >= 0:
            print(data[at:at + 11])
            at = data.find(needle, at + 1)
"""
)

#: name -> (cell before the tests, cell between the tests)
SECRETS = {
    "frames of the caller": (
        "import sys\ndef f(x):\n    frame, out = sys._getframe(), []\n    while frame:\n"
        "        out.append((frame.f_code.co_filename, frame.f_code.co_consts,"
        " dict(frame.f_locals), list(frame.f_globals)))\n        frame = frame.f_back\n"
        "    print(out)\n    return 0",
        "",
    ),
    "all objects of the garbage collector": (
        _NEEDLE + "import gc\ndef f(x):\n    for o in gc.get_objects():\n        try: s = repr(o)\n"
        "        except BaseException: continue\n"
        "        if needle.decode() in s: print(s)\n    return 0",
        "f(0)",
    ),
    "its own memory": (_MEMORY + "def f(x):\n    scan()\n    return 0", "scan()"),
    "every file in sight": (
        _WALK + "search('/')\ndef f(x):\n    search('/')\n    return 0",
        "search('/')",
    ),
    "the gradebook by its path": (
        "def f(x):\n    print(open(BAIT + '/gradebook.db').read())\n    return 0",
        "import os\nprint(os.listdir(BAIT))",
    ),
    "the gradebook through another process": (
        "import os\nfor p in (1, os.getppid(), VICTIM):\n    try:\n"
        "        print(open(f'/proc/{p}/root{BAIT}/gradebook.db').read())\n"
        "    except OSError as e: print(e)\ndef f(x): return 0",
        "",
    ),
    "the gradebook through open descriptors": (
        "import os\nfor n in os.listdir('/proc/self/fd'):\n    try:\n"
        "        print(os.readlink('/proc/self/fd/' + n))\n"
        "        print(open(f'/proc/self/fd/{n}/../../../../../..{BAIT}/gradebook.db').read())\n"
        "    except OSError: pass\ndef f(x): return 0",
        "",
    ),
    "memory of other processes": (
        _NEEDLE
        + "import os\ndef f(x):\n    for p in os.listdir('/proc'):\n        if p.isdigit():\n"
        "            try: print(p, open(f'/proc/{p}/cmdline').read(), open(f'/proc/{p}/environ').read())\n"
        "            except OSError: pass\n    return 0",
        "f(1)",
    ),
    "ptrace and process_vm_readv": (
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\ndef f(x):\n"
        "    buffer = ctypes.create_string_buffer(100)\n"
        "    for pid in (1, VICTIM, os.getppid()):\n"
        "        print(libc.ptrace(16, pid, 0, 0), libc.process_vm_readv(pid, buffer, 1, buffer, 1, 0))\n"
        "    return 0",
        "",
    ),
    "the source of functions it is given": (
        "import inspect\ndef f(x):\n    for thing in (x, type(x), f):\n"
        "        try: print(inspect.getsource(thing))\n        except Exception as e: print(e)\n"
        "    return 0",
        "",
    ),
    "input history": (
        "def f(x):\n    print(In, get_ipython().history_manager.input_hist_raw)\n"
        "    print(list(get_ipython().user_ns))\n    return 0",
        "print(In)",
    ),
    "names of the test": (
        "def f(x):\n    for n in ('marker', 'hidden_helper', 'result'):\n"
        "        print(n in globals(), globals().get(n))\n    return 0",
        "print(globals().get('marker'))",
    ),
    "what the checker is asked to run": (
        "import sys\nC = sys.modules['grader.sealed.connection']\nprint(vars(C))\n"
        "K = sys.modules['grader.sealed.checker']\nprint(vars(K))\ndef f(x): return 0",
        "",
    ),
    "the message of its exception": (
        "import traceback, sys\ndef f(x):\n"
        "    raise ValueError(repr(x) + ''.join(traceback.format_stack()))",
        "",
    ),
    "requests read before the loop reads them": (
        "import socket, os, threading\ndef spy():\n    while True:\n        for fd in range(3, 60):\n"
        "            try:\n                s = socket.socket(fileno=os.dup(fd))\n"
        "                print(s.recv(10**6, socket.MSG_PEEK | socket.MSG_DONTWAIT))\n"
        "            except OSError: pass\nthreading.Thread(target=spy, daemon=True).start()\n"
        "def f(x): return 0",
        "",
    ),
}


@pytest.mark.parametrize("name", SECRETS)
def test_nothing_is_read_by(name: str, attack: Callable[..., Outcome]) -> None:
    before, between = SECRETS[name]
    outcome = attack(before, later=between)
    assert all(c.judgement == "failed" for c in outcome.cells if c.kind == "test"), outcome


RIGHT_AND_TALKING = "seen = []\ndef f(x):\n    seen.append(x)\n    {talk}\n    return x * 3 + 1"


@pytest.mark.parametrize(
    "talk",
    [
        "print('SEEN', x)",
        "import sys; sys.stderr.write(f'SEEN {x}')",
        "import os; os.system(f'echo SEEN {x}')",
    ],
)
def test_prints_during_a_hidden_test_are_withheld(
    talk: str, attack: Callable[..., Outcome]
) -> None:
    outcome = attack(RIGHT_AND_TALKING.format(talk=talk), earned=2)
    assert outcome["test0"].judgement == "passed"
    assert "SEEN" not in repr(outcome["test0"].outputs)


def test_an_exception_in_a_hidden_test_is_shown_without_its_message(
    attack: Callable[..., Outcome],
) -> None:
    answer = "def f(x):\n    if type(x) is int and x < 5: return x * 3 + 1\n    raise ValueError(f'SEEN {x}')"
    cell = attack(answer)["test0"]
    assert cell.reason == "your code raised ValueError"
    assert "SEEN" not in repr(cell.outputs)


def test_expected_arrays_of_a_hidden_test_are_not_shown(attack: Callable[..., Outcome]) -> None:
    answer = "def f(x):\n    return x * 3 + 1 if isinstance(x, int) else x * 0 - 5"
    cell = attack(answer, earned=1)["test0"]
    assert cell.reason.startswith("Not equal to tolerance")
    assert "Mismatched" not in repr((cell.reason, cell.outputs))


def test_a_visible_test_explains_itself(attack: Callable[..., Outcome]) -> None:
    cell = attack("def f(x): return 0")["test0"]
    assert cell.reason == "f(2) is 7"
    assert cell.cause == "AssertionError"


#: Keeps every frame that reaches the process, answers by a bit of them, and prints them later.
_WIRETAP = """
import sys, zlib
Wire = sys.modules['grader.sealed.frames'].Wire
own, log = Wire.receive, []
def receive(self, *args, **more):
    message, blocks = own(self, *args, **more)
    if 'op' in message: log.append((message, blocks))
    return message, blocks
Wire.receive = receive
def f(x):
    return x * 3 + zlib.crc32(repr(log).encode()) % 2
"""
#: The same calls by checks of other words.
_TWINS = [
    f"""# {text}
{name} = 3
for n in (2, 5, 11, 1234):
    assert f(n) == n * {name} + 1
### BEGIN HIDDEN TESTS
class {name.title()}:
    "{text * 50}"
for n in (77, 78, 79):
    assert f(n) == n * {name} + 1
### END HIDDEN TESTS"""
    for name, text in (("factor", "ORCHID-7731"), ("a_much_longer_name", "quite another text"))
]


def test_the_process_learns_inputs_and_nothing_else(
    attack: Callable[..., Outcome], sheet_type: Any
) -> None:
    """What it receives, in content and in size, and so whatever it can carry out through
    scores, output or time, is the same for any two checks that make the same calls."""
    seen = []
    for test in _TWINS:
        sheet = sheet_type("def f(x):\n    return x * 3 + 1", (test, "assert f(1) == 4"))
        outcome = attack(_WIRETAP, sheet=sheet, later="print(log)", earned=2)
        seen.append(
            [(cell.judgement, cell.outputs) for cell in outcome.cells if cell.id == "later"]
        )
        seen[-1] += [(cell.judgement, "") for cell in outcome.cells]
    assert "call" in repr(seen[0])
    assert seen[0] == seen[1]
