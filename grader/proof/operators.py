"""Small changes to a program, one at a time: what an automatic mutant is made from.

Each operator looks at one node of the syntax tree and yields nodes that could stand there instead.
They are chosen for the code of labs: beside the classic ones (arithmetic, comparisons, constants,
conditions, deleted statements) there are those of numeric code: axes, ranges, slices, swapped
arguments, min for max.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping

#: A node of the program and what may stand there instead.
Change = tuple[ast.AST, ast.AST]
Operator = Callable[[ast.AST], Iterator[ast.AST]]

_ARITHMETIC: Mapping[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Div,),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
}
_COMPARISONS: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
#: Names that are taken for each other: functions and methods.
_NEIGHBOURS: Mapping[str, str] = {
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "argmin": "argmax",
    "argmax": "argmin",
    "sum": "mean",
    "mean": "sum",
    "any": "all",
    "all": "any",
    "zeros": "ones",
    "ones": "zeros",
    "floor": "ceil",
    "ceil": "floor",
    "log": "log2",
    "softmax": "log_softmax",
    "log_softmax": "softmax",
    "tanh": "sigmoid",
    "sigmoid": "tanh",
    "startswith": "endswith",
    "endswith": "startswith",
    "append": "insert",
}
#: The order of their arguments doesn't matter.
_SYMMETRIC = frozenset({"min", "max", "minimum", "maximum", "add", "multiply", "allclose"})


def arithmetic(node: ast.AST) -> Iterator[ast.AST]:
    """a + b becomes a - b, a @ b becomes b @ a, += becomes -=."""
    match node:
        case ast.BinOp(op=ast.MatMult()):
            yield ast.BinOp(node.right, node.op, node.left)
        case ast.BinOp(op=op):
            for other in _ARITHMETIC.get(type(op), ()):
                yield ast.BinOp(node.left, other(), node.right)
        case ast.AugAssign(op=op):
            for other in _ARITHMETIC.get(type(op), ()):
                yield ast.AugAssign(node.target, other(), node.value)


def comparison(node: ast.AST) -> Iterator[ast.AST]:
    """The boundary moves (< becomes <=) or the sense turns (< becomes >=)."""
    if isinstance(node, ast.Compare):
        for place, op in enumerate(node.ops):
            for other in _COMPARISONS[type(op)]:
                ops = [*node.ops[:place], other(), *node.ops[place + 1 :]]
                yield ast.Compare(node.left, ops, node.comparators)


def condition(node: ast.AST) -> Iterator[ast.AST]:
    """`and` for `or`, `not` left out, the condition of an if turned round."""
    match node:
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for place in range(len(values)):
                rest = [*values[:place], *values[place + 1 :]]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            yield operand
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield ast.IfExp(test, orelse, body)


def constant(node: ast.AST) -> Iterator[ast.AST]:
    """n becomes n + 1 and n - 1, True becomes False, text becomes other text."""
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
            yield _number(value - 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(value * 2 if value else 1.0)
            yield ast.Constant(value / 2 if value else -1.0)
        case ast.Constant(value=str(value)):
            yield ast.Constant(value + "x" if value else "x")


def _number(value: int) -> ast.expr:
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def extent(node: ast.AST) -> Iterator[ast.AST]:
    """Slices and ranges that lose an end, or are one too long or too short."""
    match node:
        case ast.Slice(lower=lower, upper=upper, step=step):
            if lower is not None:
                yield ast.Slice(None, upper, step)
                yield from (ast.Slice(each, upper, step) for each in _one_off(lower))
            if upper is not None:
                yield ast.Slice(lower, None, step)
                yield from (ast.Slice(lower, each, step) for each in _one_off(upper))
            if step is not None:
                yield ast.Slice(lower, upper, None)
        case ast.Call(func=ast.Name(id="range"), args=[*args]) if args:
            for place in range(min(len(args), 2)):
                for each in _one_off(args[place]):
                    changed = [*args[:place], each, *args[place + 1 :]]
                    yield ast.Call(node.func, changed, node.keywords)


def _one_off(bound: ast.expr) -> Iterator[ast.expr]:
    """Constants have an operator of their own."""
    inner = bound.operand if isinstance(bound, ast.UnaryOp) else bound
    if not isinstance(inner, ast.Constant):
        yield ast.BinOp(bound, ast.Add(), ast.Constant(1))
        yield ast.BinOp(bound, ast.Sub(), ast.Constant(1))


def arguments(node: ast.AST) -> Iterator[ast.AST]:
    """Two arguments swapped, the last one or a keyword dropped, an axis that is another one."""
    if not isinstance(node, ast.Call) or any(isinstance(arg, ast.Starred) for arg in node.args):
        return
    args, keywords = node.args, node.keywords
    if len(args) >= 2:
        if _name(node.func) not in _SYMMETRIC:
            yield ast.Call(node.func, [args[1], args[0], *args[2:]], keywords)
        yield ast.Call(node.func, args[:-1], keywords)
    for place, keyword in enumerate(keywords):
        if keyword.arg is not None:
            yield ast.Call(node.func, args, [*keywords[:place], *keywords[place + 1 :]])
        if keyword.arg == "axis":
            yield from _other_axes(node, place)


def _name(function: ast.expr) -> str:
    """The last part of the name of what is called."""
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _other_axes(node: ast.Call, place: int) -> Iterator[ast.AST]:
    """Axes that numbers one up and one down don't reach."""
    now = ast.unparse(node.keywords[place].value)
    for axis in ("-1", "0"):
        if now.lstrip("-") != axis.lstrip("-") and not now.isdigit():
            changed = ast.keyword("axis", ast.parse(axis, mode="eval").body)
            keywords = [*node.keywords[:place], changed, *node.keywords[place + 1 :]]
            yield ast.Call(node.func, node.args, keywords)


def neighbour(node: ast.AST) -> Iterator[ast.AST]:
    """min for max, sum for mean, any for all."""
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in _NEIGHBOURS:
            yield ast.Call(ast.Name(_NEIGHBOURS[name], ast.Load()), node.args, node.keywords)
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in _NEIGHBOURS:
            func = ast.Attribute(value, _NEIGHBOURS[name], ast.Load())
            args = [ast.Constant(0), *node.args] if name == "append" else node.args
            yield ast.Call(func, args, node.keywords)


def returned(node: ast.AST) -> Iterator[ast.AST]:
    """Nothing is returned; of several things, two are swapped."""
    match node:
        case ast.Return(value=ast.expr() as value):
            if not (isinstance(value, ast.Constant) and value.value is None):
                yield ast.Return(ast.Constant(None))
            if isinstance(value, ast.Tuple) and len(value.elts) >= 2:
                first, second, *rest = value.elts
                yield ast.Return(ast.Tuple([second, first, *rest], ast.Load()))


def statement(node: ast.AST) -> Iterator[ast.AST]:
    """A statement is left out; `break` and `continue` are taken for each other."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return  # a docstring
        case ast.Break():
            yield ast.Continue()
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
            yield ast.Pass()
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Delete():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
            yield ast.Pass()


def branch(node: ast.AST) -> Iterator[Change]:
    """The branch of an `if` is always or never taken, a filter lets everything through."""
    match node:
        case ast.If(test=test):
            yield test, ast.Constant(True)
            yield test, ast.Constant(False)
        case ast.While(test=test):
            yield test, ast.Constant(False)  # True would only wait for its time limit
        case ast.comprehension(ifs=tests):
            for test in tests:
                yield test, ast.Constant(True)


_OF_NODES: tuple[Operator, ...] = (
    arithmetic,
    comparison,
    condition,
    constant,
    extent,
    arguments,
    neighbour,
    returned,
    statement,
)


def changes(tree: ast.AST) -> Iterator[Change]:
    """Every change to every node below, in the order of the text."""
    for operator in _OF_NODES:
        for new in operator(tree):
            yield tree, new
    yield from branch(tree)
    for child in ast.iter_child_nodes(tree):
        if not _is_for_readers(child, tree):
            yield from changes(child)


def _is_for_readers(node: ast.AST, parent: ast.AST) -> bool:
    """What nobody can check: words of messages and docstrings, annotations."""
    match parent:
        case ast.Raise() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Assert(msg=message):
            return node is message
        case ast.AnnAssign(annotation=annotation) | ast.arg(annotation=annotation):
            return node is annotation
        case ast.FunctionDef(returns=returns):
            return node is returns
    return isinstance(node, ast.JoinedStr)
