"""Submissions that try to be believed: none of them gains a point.

Each text stands in the solution cell of a notebook with two tests. Not one of them computes
what the exercise asks for.
"""

# ruff: noqa: E501 - a notebook cell on one line reads better than one cut in two

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from grader.sealed.submission import Outcome

pytestmark = pytest.mark.attack

_FORGE = """
import sys
S = sys.modules['grader.sealed.student']
def forge(make):
    def reply(self, request, blocks):
        encoder = S.values.Encoder(self._refer)
        answer = make(request, encoder)
        return answer, encoder
    S._Answers._reply = reply
def f(x): return 0
"""

_LIE = """
import sys
S = sys.modules['grader.sealed.student']
def names(self, request, _, encoder):
    return {'value': encoder.encode([*request['names'], 'secret', 'isinstance', 'mine'])}
S._Answers._do_names = names
mine = 1
"""

_TALK = """
import gc, sys, threading, time
W = sys.modules['grader.sealed.frames'].Wire
wires = [o for o in gc.get_objects() if isinstance(o, W)]
def f(x): return 0
def talk():
    for i in range(3000):
        for wire in wires:
            try: wire.send({'id': i % 60, 'value': 7, 'ok': True, 'judged': True})
            except Exception: return
        time.sleep(0.001)
"""

_OPERATORS = """
class Yes:
    def __eq__(self, o): return True
    def __ne__(self, o): return False
    def __lt__(self, o): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __bool__(self): return True
    def __len__(self): return 2
    def __iter__(self): return iter([])
    def __contains__(self, o): return True
    def __hash__(self): return 1
    def __index__(self): return 7
    def __int__(self): return 7
    def __float__(self): return 7.0
    def __str__(self): return '31'
    def __sub__(self, o): return 0
    __rsub__ = __abs__ = __sub__
    def __instancecheck__(self, o): return True
    def __getattr__(self, n): return self
    def __call__(self, *a, **k): return self
    def __array__(self, *a, **k):
        import numpy as np
        return np.arange(4.0) * 3 + 1
    def __array_ufunc__(self, *a, **k): return True
    def __array_function__(self, *a, **k): return True
    __class__ = int
"""

VERDICTS = {
    "an object that is equal to everything": (
        "class E:\n    def __eq__(self, o): return True\ndef f(x): return E()"
    ),
    "an object with every operator": _OPERATORS + "def f(x): return Yes()",
    "the function itself is such an object": _OPERATORS + "f = Yes()",
    "a class of such objects": _OPERATORS + "f = Yes",
    "a subclass of int": (
        "class I(int):\n    def __eq__(self, o): return True\n    def __lt__(self, o): return True\n"
        "    __hash__ = int.__hash__\ndef f(x): return I(0)"
    ),
    "a subclass of float": (
        "class F(float):\n    def __eq__(self, o): return True\n    def __rsub__(self, o): return 0.0\n"
        "def f(x): return F(0)"
    ),
    "a subclass of str": (
        "class S(str):\n    def __eq__(self, o): return True\n    def __len__(self): return 2\n"
        "def f(x): return S('x')"
    ),
    "a subclass of list": (
        "class L(list):\n    def __eq__(self, o): return True\n    def __iter__(self): return iter([])\n"
        "    def __len__(self): return 2\ndef f(x): return L()"
    ),
    "a subclass of dict": (
        "class D(dict):\n    def __eq__(self, o): return True\n    def __missing__(self, k): return 31\n"
        "def f(x): return D()"
    ),
    "a subclass of tuple that claims to be a named tuple": (
        "class T(tuple):\n    _fields = ()\n    def __eq__(self, o): return True\ndef f(x): return T()"
    ),
    "a subclass of ndarray": (
        "import numpy as np\nclass A(np.ndarray):\n"
        "    def __array_ufunc__(self, *a, **k): return True\n"
        "    def __array_function__(self, *a, **k): return True\n"
        "    def __eq__(self, o): return True\n    def __bool__(self): return True\n"
        "def f(x): return np.zeros(4).view(A)"
    ),
    "an object array of such objects": (
        _OPERATORS + "import numpy as np\n"
        "def f(x):\n    a = np.empty(4, dtype=object)\n    a[:] = [Yes()] * 4\n    return a"
    ),
    "a list of such objects": _OPERATORS + "def f(x): return [Yes()] * 4",
    "numpy.ma, all masked": ("import numpy as np\ndef f(x): return np.ma.masked_all(np.shape(x))"),
    "numpy.testing patched": (
        "import numpy as np\nnp.testing.assert_allclose = lambda *a, **k: None\n"
        "np.allclose = np.array_equal = lambda *a, **k: True\ndef f(x): return 0"
    ),
    "builtins patched": (
        "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.len = lambda x: 2\n"
        "builtins.all = builtins.any = lambda x: True\nbuiltins.sorted = lambda x: [4, 10]\n"
        "builtins.AssertionError = type('A', (Exception,), {})\ndef f(x): return 0"
    ),
    "builtins shadowed": (
        "isinstance = all = lambda *a: True\nlen = lambda x: 2\nsorted = lambda x: [4, 10]\n"
        "AssertionError = ValueError\n__debug__2 = False\ndef f(x): return 0"
    ),
    "numpy replaced by a fake": (
        _OPERATORS + "import sys\nnp = Yes()\nsys.modules['numpy'] = np\ndef f(x): return 0"
    ),
    "mxnet patched": (
        "import mxnet as mx\nmx.nd.NDArray.__eq__ = lambda a, b: mx.nd.ones(1)\n"
        "mx.nd.NDArray.asnumpy = lambda self: 31\ndef f(x): return mx.nd.zeros(1)"
    ),
    "IPython runs every cell as empty": (
        "ip = get_ipython()\nip.input_transformers_cleanup.append(lambda lines: [])\n"
        "ip.run_cell = lambda *a, **k: type('R', (), {'success': True})()\ndef f(x): return 0"
    ),
    "IPython strips asserts": (
        "import ast\nclass Strip(ast.NodeTransformer):\n"
        "    def visit_Assert(self, node): return ast.Pass()\n"
        "get_ipython().ast_transformers.append(Strip())\ndef f(x): return 0"
    ),
    "a trace function that skips asserts": (
        "import sys\ndef trace(frame, event, arg):\n    frame.f_trace_lines = False\n    return trace\n"
        "sys.settrace(trace)\ndef f(x): return 0"
    ),
    "StopIteration, to end the loop of the test": "def f(x): raise StopIteration",
    "GeneratorExit": "def f(x): raise GeneratorExit",
    "SystemExit with success": "import sys\ndef f(x): sys.exit(0)",
    "KeyboardInterrupt": "def f(x): raise KeyboardInterrupt",
    "an exception called like the engine's": (
        "class SealError(BaseException): pass\nSealError.__module__ = 'grader.sealed.handles'\n"
        "def f(x): raise SealError('')"
    ),
    "an exception whose text lies": (
        "class E(Exception):\n    def __str__(self): return self\ndef f(x): raise E()"
    ),
    "an endless generator instead of a value": "def f(x):\n    while True:\n        yield x * 3 + 1",
    "NotImplemented": "def f(x): return NotImplemented",
    "the type of its argument": "def f(x): return type(x)",
    "a module": "import numpy\ndef f(x): return numpy",
    "its argument, changed in place": (
        "import numpy as np\ndef f(x):\n    if hasattr(x, 'fill'): x.fill(1)\n    return x"
    ),
    "a callback of the checker's, kept": "kept = []\ndef f(x):\n    kept.append(x)\n    return kept",
    "forged: the verdict itself": (
        _FORGE + "forge(lambda r, e: {'ok': True, 'judged': True, 'value': True, 'passed': True})"
    ),
    "forged: the verdict to the controller": (
        "import gc, sys\nW = sys.modules['grader.sealed.frames'].Wire\n"
        "for w in [o for o in gc.get_objects() if isinstance(o, W)]:\n"
        "    for i in range(50):\n"
        "        w.send({'judged': True, 'ok': True, 'reason': '', 'done': True, 'id': i,"
        " 'value': 7})\ndef f(x): return 0"
    ),
    "forged: replies of a thread that outlives its cell": _TALK
    + "threading.Thread(target=talk, daemon=True).start()",
    "forged: replies of a fork that outlives its cell": _TALK
    + "import os\nif os.fork() == 0:\n    talk()\n    os._exit(0)",
    "forged: a verdict on every descriptor": (
        "import json, os, struct\n"
        "text = json.dumps({'judged': True, 'ok': True, 'exit': 0}).encode()\n"
        "for fd in range(3, 300):\n"
        "    try: os.write(fd, struct.pack('!II', len(text), 0) + text)\n"
        "    except OSError: pass\ndef f(x): return 0"
    ),
    "forged: an array of pointers": (
        _FORGE + "forge(lambda r, e: {'value': ['array', '|O', [1], e.block(b'\\x41' * 8)]})"
    ),
    "forged: a shape that overflows": (
        _FORGE + "forge(lambda r, e: {'value': ['array', '<f8', [2**33, 2**33], e.block(b'')]})"
    ),
    "forged: a negative shape": (
        _FORGE + "forge(lambda r, e: {'value': ['array', '<f8', [-1], e.block(b'1' * 8)]})"
    ),
    "forged: a dtype with fields": (
        _FORGE + "forge(lambda r, e: {'value': ['array', 'i4,O', [1], e.block(b'1' * 12)]})"
    ),
    "forged: a library function as value": (
        _FORGE + "forge(lambda r, e: {'value': ['library', 'numpy', 'load']})"
    ),
    "forged: a type with loose equality": (
        _FORGE + "forge(lambda r, e: {'value': ['library', 'unittest.mock', 'ANY']})"
    ),
    "forged: a callback that was never passed": (
        _FORGE + "forge(lambda r, e: {'value': ['callback', 0]})"
    ),
    "forged: an argument that was never passed": (
        _FORGE + "forge(lambda r, e: {'value': ['argument', 5]})"
    ),
    "forged: changes to arguments that are none": (
        _FORGE + "forge(lambda r, e: {'value': 7, 'changed': [[0, ['list', [7]]], [9, 1], 5]})"
    ),
    "forged: nested without end": (
        _FORGE + "v = 1\nfor _ in range(900): v = ['list', [v]]\nforge(lambda r, e: {'value': v})"
    ),
    "forged: names that are not names": (
        _FORGE
        + "forge(lambda r, e: {'value': ['namedtuple', 'x): import os #', ['a'], ['list', []]]})"
    ),
    "forged: a handle with wild fields": (
        _FORGE + "forge(lambda r, e: {'value': ['handle', 10**30, 'x' * 10**6, True]})"
    ),
    "forged: exceptions that are none": (
        _FORGE + "forge(lambda r, e: {'raised': [None, 5, 'object', ':', 'builtins:exit'],"
        " 'message': {}})"
    ),
    "forged: SealError by name": (
        _FORGE + "forge(lambda r, e: {'raised': ['grader.sealed.handles:SealError']})"
    ),
    "forged: equal hashes, to keep the checker busy": (
        _FORGE + "m = 2**61 - 1\n"
        "pairs = [[['int', hex(m * i)], 1] for i in range(100000)]\n"
        "forge(lambda r, e: {'value': ['dict', pairs]})"
    ),
    "garbage instead of frames": (
        "import os\nfor fd in range(3, 300):\n    try: os.write(fd, b'\\xff' * 1000)\n"
        "    except OSError: pass\ndef f(x): return 0"
    ),
    "a frame of 4 GB": (
        "import os, struct\nfor fd in range(3, 300):\n"
        "    try: os.write(fd, struct.pack('!II', 2**32 - 1, 2**32 - 1))\n"
        "    except OSError: pass\ndef f(x): return 0"
    ),
    "every descriptor closed": "import os\nos.closerange(3, 1000)\ndef f(x): return 0",
}


@pytest.mark.parametrize("name", VERDICTS)
def test_no_points_for(name: str, attack: Callable[..., Outcome]) -> None:
    outcome = attack(VERDICTS[name])
    judgements = [cell.judgement for cell in outcome.cells if cell.kind == "test"]
    assert judgements == ["failed", "failed"], [(c.reason, c.detail) for c in outcome.cells]


#: Author's cells that a submission tries to replace: (kind of cell, its text, test, attack).
REPLACED = {
    "helper in a locked cell": (
        "locked",
        "def check(x, y):\n    assert x == y",
        "check(f(2), 7)",
        "def check(*a): pass\ndef f(x): return 0",
    ),
    "helper in an open cell": (
        "plain",
        "def check(x, y):\n    assert x == y",
        "check(f(2), 7)",
        "def check(*a): pass\ndef f(x): return 0",
    ),
    "data in a locked cell": (
        "locked",
        "import numpy as np\nX = np.arange(5)\nY = X * 3 + 1",
        "assert [f(int(x)) for x in X] == Y.tolist()",
        "X, Y = [], np.array([])\ndef f(x): return 0",
    ),
    "data read from a name that the test binds again": (
        "locked",
        "rows = [1, 2, 3]",
        "rows = rows[:2]\nfor row in rows:\n    assert f(row) == 3 * row + 1",
        "rows = []\ndef f(x): return 0",
    ),
    "an imported module": (
        "plain",
        "import numpy as np",
        "np.testing.assert_equal(f(2), 7)",
        "class np:\n    class testing:\n        assert_equal = staticmethod(lambda *a: None)\ndef f(x): return 0",
    ),
    "the list of names that are there": (
        "locked",
        "rows = [2, 5]",
        "assert 'f' in dir() and 'rows' in dir()\n"
        "assert not {'mine', 'secret', 'isinstance'} & set(dir())\n"
        "assert [f(x) for x in rows] == [7, 16]",
        _LIE + "def f(x): return 0",
    ),
    "a list of names that is none": (
        "locked",
        "rows = [2, 5]",
        "try:\n    dir()\nexcept BaseException:\n    pass\nassert [f(x) for x in rows] == [7, 16]",
        _LIE.replace("'mine'", "{}") + "def f(x): return 0",
    ),
    "a file beside the notebook": (
        "locked",
        "rows = ['1', '2']",
        "open('rows.txt', 'w').write('1 2')\nassert [f(int(x)) for x in open('rows.txt').read().split()] == [4, 7]",
        "import pathlib\ndef f(x):\n    pathlib.Path('rows.txt').write_text('')\n    return 0",
    ),
}


@pytest.mark.parametrize("name", REPLACED)
def test_what_the_author_wrote_stays(
    name: str, attack: Callable[..., Outcome], sheet_type: Any
) -> None:
    kind, cell, test, answer = REPLACED[name]
    sheet = sheet_type("def f(x):\n    return x * 3 + 1", (test,), **{kind: cell})
    right = answer + "\n" + sheet.solution
    assert attack(answer, sheet=sheet)["test0"].judgement == "failed"
    assert attack(right, sheet=sheet, earned=1)["test0"].judgement == "passed"
