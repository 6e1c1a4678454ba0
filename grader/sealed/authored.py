"""What belongs to the author: read from the author's own notebook, never from a submission.

The rule, cell by cell:

* A **test** cell runs in the checker.
* A **solution** cell belongs to the student. Every name that the author's version of it binds
  or fills is the *student's*: tests see what the submission has under that name. Its imports
  are an exception: a module is the same for everybody, so the checker imports its own.
* Any **other** cell of the author runs in the checker as well, from the author's text,
  statement by statement. A statement is left out, and what it binds becomes the student's,
  when it needs a name that is the student's to run (inside the body of a function does not
  count: that name is looked up when the function is called). A statement that no test needs,
  not even by way of others, does not run at all: no pictures are drawn twice. Calls of `seed`
  and `set_np` are always needed.

So `import numpy as np`, helper functions and the author's data are the checker's own, whatever
the submission does to them, and `net = build_net()` is the submission's.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import re
import symtable
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from IPython.core.inputtransformer2 import TransformerManager

_BEGIN_HIDDEN, _END_HIDDEN = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"
_FILLING = frozenset(
    {"append", "extend", "insert", "add", "update", "pop", "remove", "clear", "setdefault"}
    | {"discard", "sort", "reverse", "appendleft", "popitem"}
)

#: Magics and `!commands` become calls, as in a notebook.
_TO_PYTHON: Callable[[str], str] = TransformerManager().transform_cell  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class AuthorCell:
    """A code cell of the author's notebook. `kind` is plain, locked, solution or test."""

    id: str
    kind: str
    source: str


class Authored:
    """The author's notebook, understood."""

    def __init__(self, cells: list[AuthorCell]) -> None:
        self.cells = cells
        self._trees = {cell.id: parse(cell.source) for cell in cells}
        #: Names that the author's solutions bind or fill.
        self.of_student: set[str] = set()
        #: Every name the submission's process may know of.
        self.shared: set[str] = set()
        for cell in cells:
            tree = self._trees[cell.id]
            if cell.kind == "solution":
                self.of_student |= bound(tree, imports=False) | _filled(tree)
            if cell.kind != "test":
                self.shared |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
                self.shared |= bound(tree, imports=False)
        self.shared -= self._imported_by_tests()
        self.shared -= set(vars(builtins)) - self.of_student
        self._wanted = self._needed_by_tests()

    def bound_by(self, cell_id: str) -> set[str]:
        """The names that the author's version of a cell binds."""
        tree = self._trees.get(cell_id)
        return bound(tree, imports=False) if tree else set()

    def imports(self) -> list[ast.stmt]:
        """The import statements of the solution cells, in order."""
        return [
            statement
            for cell in self.cells
            if cell.kind == "solution"
            for statement in self._trees[cell.id].body
            if isinstance(statement, (ast.Import, ast.ImportFrom))
        ]

    def _imported_by_tests(self) -> set[str]:
        """Names that tests import and never assign. What they import is the same thing on both
        sides already; sent across, a class such as Path would be a call back to the checker."""
        tests = [self._trees[cell.id] for cell in self.cells if cell.kind == "test"]
        assigned = {name for tree in tests for name in bound(tree, imports=False)}
        return {name for tree in tests for name in bound(tree)} - assigned

    def _needed_by_tests(self) -> set[int]:
        """The author's statements that tests need, by identity; directly or by way of others."""
        statements = [s for cell in self._own_cells() for s in self._trees[cell.id].body]
        names: set[str] = set()
        for cell in self.cells:
            if cell.kind == "test":
                names |= _needed_from_outside(self._trees[cell.id])
        wanted: set[int] = set()
        grown = True
        while grown:
            found = [s for s in statements if id(s) not in wanted and _serves(s, names)]
            wanted |= {id(s) for s in found}
            names |= {name for s in found for name in _global_loads(s)}
            grown = bool(found)
        return wanted

    def _own_cells(self) -> list[AuthorCell]:
        return [cell for cell in self.cells if cell.kind in ("plain", "locked")]

    def own_statements(self, cell: AuthorCell, known: set[str]) -> Iterator[ast.stmt]:
        """The statements of one cell that run in the checker. `known` are the names that the
        checker has, and grows by what each statement binds."""
        for statement in self._trees[cell.id].body:
            if id(statement) not in self._wanted:
                continue
            binds = bound(statement)
            needs = _needed_now(statement) - binds
            if binds & self.of_student or not needs <= known:
                known -= binds
                continue
            known |= binds
            yield statement


def parse(source: str) -> ast.Module:
    """The cell as Python; an empty module when it is not Python at all."""
    with contextlib.suppress(SyntaxError, ValueError):
        return ast.parse(_TO_PYTHON(source))
    return ast.Module(body=[], type_ignores=[])


def bound(tree: ast.AST, *, imports: bool = True) -> set[str]:
    """Global names that running this binds."""
    names: set[str] = set()
    for node in _now(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name):
                names.add(name)
            case ast.ExceptHandler(name=str(name)):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases) if imports:
                names |= {(a.asname or a.name.partition(".")[0]) for a in aliases}
    return names


def _filled(tree: ast.AST) -> set[str]:
    """Names whose object this changes in place."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                names.add(name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)):
                if attr in _FILLING:
                    names.add(name)
            case ast.Global(names=declared):
                names |= set(declared)
    return names


def _needed_from_outside(tree: ast.Module) -> set[str]:
    """Global names that a test reads before it binds them itself."""
    needed: set[str] = set()
    own: set[str] = set()
    for statement in tree.body:
        loads, binds = _global_loads(statement), bound(statement)
        if not isinstance(statement, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            loads -= binds  # `for x in y: f(x)` binds before it reads, `x = x + 1` does not
        needed |= loads - own
        own |= binds - _comprehension_names(statement)
    return needed


def _global_loads(statement: ast.stmt) -> set[str]:
    """Global names that this reads, now or in a function that it defines."""
    table = symtable.symtable(ast.unparse(statement), "<cell>", "exec")
    return {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()} | {
        symbol.get_name()
        for inner in _inner_tables(table)
        for symbol in inner.get_symbols()
        if symbol.is_global() and symbol.is_referenced()
    }


def _inner_tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _inner_tables(child)


def _comprehension_names(tree: ast.AST) -> set[str]:
    targets = [node.target for node in ast.walk(tree) if isinstance(node, ast.comprehension)]
    return {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}


def _serves(statement: ast.stmt, names: set[str]) -> bool:
    """Whether it binds or fills one of these names, or sets what holds everywhere."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="seed" | "set_np" | "reset_np"))):
            return True
    return bool((bound(statement) | _filled(statement)) & names)


def _needed_now(tree: ast.AST) -> set[str]:
    """Global names that this needs while it runs, builtins left out."""
    loaded = {
        node.id
        for node in _now(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    return loaded - set(vars(builtins)) - {"__name__", "__file__"}


def _now(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when `tree` runs: bodies of functions are for later."""
    yield tree
    later: list[ast.AST] = []
    match tree:
        case ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body):
            later = list(body)
        case ast.Lambda(body=body):
            later = [body]
    for child in ast.iter_child_nodes(tree):
        if child not in later and not isinstance(child, ast.arguments):
            yield from _now(child)
        elif isinstance(child, ast.arguments):
            for default in [*child.defaults, *(d for d in child.kw_defaults if d)]:
                yield from _now(default)


def hidden_lines(source: str) -> set[int]:
    """The numbers of the lines between the marks of hidden tests."""
    lines: set[int] = set()
    inside = False
    for number, line in enumerate(source.splitlines(), 1):
        inside = inside or bool(re.search(_BEGIN_HIDDEN, line))
        if inside:
            lines.add(number)
        if re.search(_END_HIDDEN, line):
            inside = False
    return lines
