"""Checks as authors write them for nbgrader work unchanged: right answers pass, empty ones fail."""

# ruff: noqa: E501 - a notebook cell on one line reads better than one cut in two

from __future__ import annotations

from typing import Any

import pytest

EMPTY = "raise NotImplementedError()"

#: name -> (solution, test) or (solution, test, other cells)
STYLES: dict[str, tuple[Any, ...]] = {
    "assert": ("def f(x):\n    return x + 1", "assert f(2) == 3"),
    "assert with a message": ("def f(x): return x", "assert f(2) == 2, f'you have {f(2)}'"),
    "a variable": ("answer = 42", "assert answer == 42"),
    "containers": (
        "def f(): return {'a': [1, (2, 3)], 'b': {4}, None: b'x', (1,): 1.5}",
        "assert f() == {'a': [1, (2, 3)], 'b': {4}, None: b'x', (1,): 1.5}\n"
        "assert isinstance(f(), dict) and isinstance(f()['a'][1], tuple)",
    ),
    "exact floats": (
        "def f(): return [0.1 + 0.2, -0.0, 1e-310]",
        "assert f() == [0.1+0.2, -0.0, 1e-310]",
    ),
    "not a number": ("def f(): return float('nan')", "import math\nassert math.isnan(f())"),
    "huge integers": ("def f(): return 7 ** 500", "assert f() == 7 ** 500"),
    "complex": ("def f(): return 1 + 2j", "assert f() == 1 + 2j"),
    "text": ("def f(): return 'żółw \\ud800 \\0'", "assert f() == 'żółw \\ud800 \\0'"),
    "truth": ("def f(x): return x > 3", "assert f(4)\nassert not f(2)\nassert f(4) is True"),
    "none": ("x = None\ndef f(): pass", "assert f() is None and x is None"),
    "try, except, else": (
        "def f(x):\n    if x < 0: raise ValueError('no')\n    return x",
        "try:\n    f(-1)\nexcept ValueError as error:\n    assert 'no' in str(error)\n"
        "else:\n    raise AssertionError('did not raise')",
    ),
    "assert_raises": (
        "def f(x): raise ZeroDivisionError",
        "import numpy as np\nnp.testing.assert_raises(ZeroDivisionError, f, 1)",
    ),
    "unittest": (
        "def f(x):\n    if x: raise KeyError('k')\n    return 2",
        "import unittest\nt = unittest.TestCase()\nt.assertEqual(f(0), 2)\n"
        "with t.assertRaises(KeyError):\n    f(1)",
    ),
    "an exception of numpy": (
        "import numpy as np\ndef f(): return np.linalg.inv(np.zeros((2, 2)))",
        "import numpy as np\ntry:\n    f()\nexcept np.linalg.LinAlgError:\n    pass\n"
        "else:\n    raise AssertionError",
    ),
    "an exception that wants more than a message": (
        "def f(): return b'\\xff'.decode()",
        "try:\n    f()\nexcept UnicodeDecodeError:\n    pass\nelse:\n    raise AssertionError",
    ),
    "an own exception": (
        "class Bad(ValueError): pass\ndef f(): raise Bad('b')",
        "try:\n    f()\nexcept ValueError:\n    pass\nelse:\n    raise AssertionError",
    ),
    "helper in the test": (
        "def f(x): return x * 2",
        "def check(n):\n    for i in range(n):\n        assert f(i) == 2 * i, i\ncheck(20)",
    ),
    "asks whether a function is there": (
        "def f(x): return x",
        "assert 'f' in dir(), 'Run the cell of exercise 1 first.'\nassert 'g' not in dir()\nassert f(1) == 1",
    ),
    "imports what the answer uses": (
        "from pathlib import Path\ndef f(name): return Path(name).read_text()",
        "from pathlib import Path\nPath('a.txt').write_text('yes')\nassert f('a.txt') == 'yes'",
    ),
    "comprehension": ("def f(x): return x * x", "assert [f(i) for i in range(4)] == [0, 1, 4, 9]"),
    "map and sorted": (
        "def f(x): return -x",
        "assert list(map(f, [1, 2])) == [-1, -2]\nassert sorted([1, 3, 2], key=f) == [3, 2, 1]",
    ),
    "helper in a locked cell": (
        "def f(x): return x + 1",
        "check(f, 1, 2)",
        {"locked": "def check(function, x, y):\n    assert function(x) == y"},
    ),
    "helper that calls by name": (
        "def f(x): return x + 1",
        "assert total(3) == 6",
        {"locked": "def total(n):\n    return sum(f(i) for i in range(n))"},
    ),
    "import in a plain cell": (
        "def f(): return np.ones(3)",
        "np.testing.assert_array_equal(f(), np.ones(3))",
        {"plain": "import numpy as np"},
    ),
    "import in the solution": (
        "import numpy as np\ndef f(): return np.ones(3)",
        "np.testing.assert_array_equal(f(), np.ones(3))",
    ),
    "numpy.testing": (
        "import numpy as np\ndef f(x): return x / 3",
        "import numpy as np\nnp.testing.assert_allclose(f(np.arange(4)), [0, 1/3, 2/3, 1], rtol=1e-6)\n"
        "np.testing.assert_almost_equal(f(3.0), 1.0)",
    ),
    "arrays": (
        "import numpy as np\ndef f(n, d): return np.ones((n, 2), dtype=d)",
        "import numpy as np\n"
        "for d in ('float32', 'int8', 'bool', 'complex64', 'uint64', 'float16'):\n"
        "    a = f(3, d)\n"
        "    assert isinstance(a, np.ndarray) and a.dtype == d and a.shape == (3, 2)\n"
        "    assert a.sum() and (a == 1).all() and a[0, 0] == 1\n"
        "assert f(0, float).shape == (0, 2)",
    ),
    "numpy scalars": (
        "import numpy as np\ndef f(): return np.float32(1.5), np.arange(3).sum(), np.bool_(True)",
        "import numpy as np\na, b, c = f()\nassert type(a) is np.float32 and a == 1.5 and b == 3 and c",
    ),
    "arrays of text and of objects": (
        "import numpy as np\ndef f(): return np.array(['ab', 'c']), np.array([1, None], dtype=object)",
        "a, b = f()\nassert a.tolist() == ['ab', 'c'] and b.tolist() == [1, None]",
    ),
    "dtypes and types": (
        "import numpy as np\nd = np.dtype('float32')\nt = int",
        "import numpy as np\nassert d == np.float32 and t is int",
    ),
    "mxnet arrays": (
        "from mxnet import nd\ndef f(x): return x * 2 + nd.ones((2, 2))",
        "import mxnet as mx, numpy as np\nfrom mxnet import nd\ny = f(nd.ones((2, 2)))\n"
        "assert isinstance(y, nd.NDArray) and y.shape == (2, 2) and y.dtype == np.float32\n"
        "assert (y.asnumpy() == 3).all()\nassert y.sum().asscalar() == 12",
    ),
    "mxnet numpy arrays": (
        "def f(): return mnp.ones((2, 3))",
        "assert f().shape == (2, 3) and f().sum() == 6 and f()[0, 0].shape == ()",
        {"plain": "from mxnet import np as mnp, npx\nnpx.set_np()"},
    ),
    "a gluon network": (
        "from mxnet import gluon, init\ndef build():\n    net = gluon.nn.Dense(3)\n"
        "    net.initialize(init.One())\n    return net",
        "from mxnet import nd\nnet = build()\nassert net(nd.ones((2, 4))).shape == (2, 3)\n"
        "assert (net(nd.ones((2, 4))).asnumpy() == 4).all()\n"
        "assert net.weight.data().shape == (3, 4)\nassert net.bias.shape == (3,)",
    ),
    "a global network": (
        "from mxnet import gluon\nnet = gluon.nn.Dense(1)\nnet.initialize()",
        "from mxnet import nd\nassert net(nd.zeros((5, 2))).shape == (5, 1)",
    ),
    "seeds": (
        "import numpy as np\ndef f(): return np.random.rand(3)",
        "import numpy as np\nnp.random.seed(7)\nexpected = np.random.rand(3)\n"
        "np.random.seed(7)\nnp.testing.assert_array_equal(f(), expected)",
    ),
    "changes in place": (
        "def f(xs):\n    xs.sort()\n    xs.append(9)",
        "xs = [3, 1, 2]\nassert f(xs) is None and xs == [1, 2, 3, 9]",
    ),
    "changes deep inside": (
        "def f(d):\n    d['rows'][0].append(1)\n    d['new'] = 2",
        "row = []\nd = {'rows': [row]}\nf(d)\nassert row == [1] and d == {'rows': [[1]], 'new': 2}",
    ),
    "arrays changed in place": (
        "def f(a): a[0] = 5",
        "import numpy as np\nfrom mxnet import nd\na, b = np.zeros(2), nd.zeros(2)\nf(a)\nf(b)\n"
        "assert a.tolist() == [5, 0] and b.asnumpy().tolist() == [5, 0]",
    ),
    "arguments left alone": (
        "def f(xs): return sorted(xs)",
        "xs = [2, 1]\nys = f(xs)\nassert ys == [1, 2] and xs == [2, 1] and ys is not xs",
    ),
    "the same object back": (
        "def f(xs):\n    xs.append(1)\n    return xs",
        "xs = []\nassert f(xs) is xs",
    ),
    "a class": (
        "class P:\n    def __init__(self, x): self.x = x\n    def double(self): return self.x * 2\n"
        "    def __str__(self): return f'P({self.x})'",
        "p = P(3)\nassert p.x == 3 and p.double() == 6\nassert str(p) == 'P(3)'\np.x = 4\n"
        "assert p.double() == 8\nassert hasattr(p, 'x') and not hasattr(p, 'y')",
    ),
    "operators of a class": (
        "class V:\n    def __init__(self, x): self.x = x\n    def __add__(self, o): return V(self.x + o.x)\n"
        "    def __getitem__(self, i): return self.x * i",
        "v = V(1) + V(2)\nassert v.x == 3 and v[2] == 6",
    ),
    "two objects of a class": (
        "class Node:\n    def __init__(self): self.next = None",
        "a, b = Node(), Node()\na.next = b\nassert a.next is b and b.next is None",
    ),
    "callback": (
        "def apply(g, xs): return [g(x) for x in xs]",
        "assert apply(lambda x: x + 1, [1, 2]) == [2, 3]",
    ),
    "callback that raises": (
        "def safe(g):\n    try:\n        return g()\n    except ValueError:\n        return 'caught'",
        "def bad(): raise ValueError('secret')\nassert safe(bad) == 'caught'",
    ),
    "callback with a callback": (
        "def f(g, n): return g(f, n - 1) if n else 0",
        "def g(f, n): return 1 + f(g, n)\nassert f(g, 5) == 5",
    ),
    "a function that returns a function": (
        "def adder(n): return lambda x: x + n",
        "assert adder(2)(3) == 5\nassert callable(adder(1))",
    ),
    "a decorator": (
        "def twice(g):\n    return lambda x: g(g(x))",
        "@twice\ndef h(x): return x + 3\nassert h(1) == 7",
    ),
    "functions of libraries": (
        "def apply(g, x): return g(x)",
        "import math, numpy as np\nassert apply(math.sqrt, 9) == 3 and apply(np.sum, [1, 2]) == 3\n"
        "assert apply(len, [1]) == 1 and apply(np.exp, 0) == 1 and apply(int, '3') == 3",
    ),
    "generators": (
        "def count(n):\n    i = 0\n    while i < n:\n        yield i\n        i += 1",
        "assert list(count(3)) == [0, 1, 2]\ng = count(2)\nassert next(g) == 0 and sum(g) == 1",
    ),
    "an endless generator": (
        "def forever():\n    n = 0\n    while True:\n        yield n\n        n += 1",
        "from itertools import islice\nassert list(islice(forever(), 4)) == [0, 1, 2, 3]",
    ),
    "iterators as arguments": (
        "def f(xs): return sum(xs)",
        "assert f(x for x in [1, 2]) == 3 and f(map(abs, [-1])) == 1 and f({'a': 5}.values()) == 5",
    ),
    "collections": (
        "from collections import *\nP = namedtuple('P', 'x y')\n"
        "def f(): return Counter('aab'), OrderedDict(a=1), defaultdict(int, b=2), deque([1]), P(1, 2)",
        "c, o, d, q, p = f()\nassert c['a'] == 2 and c.most_common(1) == [('a', 2)] and c['z'] == 0\n"
        "assert o == {'a': 1} and d['b'] == 2 and q[0] == 1 and p.y == 2 and p == (1, 2)",
    ),
    "fractions and decimals": (
        "from fractions import Fraction\nfrom decimal import Decimal\ndef f(): return Fraction(1, 3), Decimal('0.1')",
        "from fractions import Fraction\nfrom decimal import Decimal\nassert f() == (Fraction(1, 3), Decimal('0.1'))",
    ),
    "printed text": (
        "def hello(): print('hello', 'you')",
        "import io\nfrom contextlib import redirect_stdout\nout = io.StringIO()\n"
        "with redirect_stdout(out):\n    hello()\nassert out.getvalue() == 'hello you\\n'",
    ),
    "noise on stderr": (
        "import sys\ndef f():\n    print('warning', file=sys.stderr)\n    return 1",
        "assert f() == 1",
    ),
    "warnings": (
        "import warnings\ndef f():\n    warnings.warn('old')\n    return 1",
        "assert f() == 1",
    ),
    "keyword arguments": (
        "def f(a, *b, c=1, **d): return (a, b, c, d)",
        "assert f(1, 2, c=3, e=4) == (1, (2,), 3, {'e': 4})",
    ),
    "docstrings and names": (
        "def f():\n    'Adds.'",
        "assert f.__doc__ == 'Adds.' and f.__name__ == 'f'",
    ),
    "a name that shadows a builtin": ("def max(a, b): return 'mine'", "assert max(1, 2) == 'mine'"),
    "a name taken away and given back": (
        "def g(): return 1\ndef f(): return g()",
        "keep = g\ndel g\ntry:\n    f()\nexcept NameError:\n    pass\nelse:\n    raise AssertionError\n"
        "finally:\n    g = keep\nassert f() == 1",
    ),
    "a global set by the test": (
        "rate = 1\ndef f(x): return x * rate",
        "rate = 5\nassert f(2) == 10",
    ),
    "state between calls": (
        "count = 0\ndef f():\n    global count\n    count += 1",
        "before = count\nf()\nf()\nassert count == before + 2",
    ),
    "a list filled by the solution": (
        "found.append(3)",
        "assert found == [3]",
        {"locked": "found = []"},
    ),
    "recursion": (
        "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)",
        "assert fib(12) == 144",
    ),
    "a dictionary of functions": (
        "ops = {'add': lambda a, b: a + b}",
        "assert ops['add'](1, 2) == 3 and set(ops) == {'add'}",
    ),
    "magics in the solution": ("%matplotlib inline\nx = 3\n%time y = x + 1", "assert y == 4"),
    "a figure": (
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.set_title('T')\nlines = ax.plot([1, 2])",
        "assert ax.get_title() == 'T' and lines[0].get_ydata().tolist() == [1, 2]",
    ),
    "a file that the solution writes": (
        "from pathlib import Path\nPath('out.txt').write_text('a\\nb\\n')",
        "from pathlib import Path\nassert open('out.txt').read() == 'a\\nb\\n'\n"
        "assert Path('out.txt').read_text().split() == ['a', 'b']",
    ),
    "a file that the test writes": (
        "def f(path): return len(open(path).readlines())",
        "import os, tempfile\nwith open('in.txt', 'w') as file:\n    file.write('a\\nb\\n')\n"
        "assert f('in.txt') == 2\nassert os.path.exists('in.txt') and not os.path.exists('no.txt')",
    ),
    "enumerations and subclasses of int": (
        "import enum\nclass C(enum.IntEnum):\n    RED = 1\ndef f(): return C.RED",
        "assert f() == 1",
    ),
    "dataclasses": (
        "from dataclasses import dataclass\n@dataclass\nclass D:\n    a: int = 1\n    b: str = 'x'",
        "from dataclasses import *\nd = D(b='y')\nassert (d.a, d.b) == (1, 'y')",
    ),
    "a solution of several lines in a loop": (
        "totals = {}\nfor word in 'a b a'.split():\n    totals[word] = totals.get(word, 0) + 1",
        "for key, value in totals.items():\n    assert value == {'a': 2, 'b': 1}[key]\nassert len(totals) == 2",
    ),
    "zip, enumerate, any, all": (
        "def f(n): return list(range(n))",
        "assert all(a == b for a, b in zip(f(3), [0, 1, 2]))\nassert any(x == 1 for _, x in enumerate(f(2)))",
    ),
}


@pytest.fixture(params=STYLES, ids=list(STYLES))
def style(request: pytest.FixtureRequest, sheet_type: Any) -> Any:
    solution, test, *more = STYLES[request.param]
    return sheet_type(solution, (test,), **(more[0] if more else {}))


def test_the_right_answer_passes(style: Any, grade: Any) -> None:
    cell = grade(style)["test0"]
    assert cell.judgement == "passed", f"{cell.reason}\n{cell.detail}"


def test_an_empty_answer_fails(style: Any, grade: Any) -> None:
    assert grade(style, EMPTY)["test0"].judgement == "failed"
