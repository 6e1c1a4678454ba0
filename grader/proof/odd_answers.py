"""Answers that nobody would call one: None, text, a generator, NaN, an array that changes later.

Each is the reference with a function (or the methods of a class) that gives back something odd.
A check may accept what is right all the same (floats for whole numbers); what it refuses it must
refuse in a sentence of its own, never with a traceback from inside the check.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from grader.proof.lab import Cell

#: What becomes of a right answer: the body of a function of `answer`.
ODD: Mapping[str, str] = {
    "None": "return None",
    "text": "return 'an answer'",
    "a number": "return 7",
    "an object": "return object()",
    "a generator": (
        "return (each for each in (answer if hasattr(answer, '__iter__') else [answer]))"
    ),
    "another shape": """
        if hasattr(answer, "reshape"):
            return answer.reshape((1,) + tuple(answer.shape))
        if isinstance(answer, (list, tuple, str)):
            return answer[:-1] if answer else answer + type(answer)([0])
        if isinstance(answer, dict):
            return list(answer.items())
        return [answer]""",
    "NaN": """
        if hasattr(answer, "reshape"):
            return answer * float("nan") if "float" in str(answer.dtype) else answer.size
        if isinstance(answer, (list, tuple)):
            return type(answer)([float("nan") for _ in answer])
        return float("nan")""",
    "another type of number": """
        if hasattr(answer, "astype"):
            return answer.astype("float64" if "int" in str(answer.dtype) else "float16")
        if isinstance(answer, (list, tuple)):
            return type(answer)(map(str, answer))
        return str(answer)""",
    "a view that changes later": """
        import numpy
        if not hasattr(answer, "reshape"):
            return answer
        place = _odd_views.setdefault(tuple(answer.shape), answer)
        place[...] = answer if isinstance(answer, numpy.ndarray) else answer.copy()
        return place""",
}

_WRAP = """
_odd_views = {{}}

def _odd_answer(answer):
    {body}

def _odd(function):
    def call(*args, **keywords):
        return _odd_answer(function(*args, **keywords))
    return call

"""


@dataclass(frozen=True)
class OddAnswer:
    kind: str
    cell: str
    source: str


def odd_answers_of(cell: Cell) -> Iterator[OddAnswer]:
    """Each kind of odd answer to one exercise; none where it binds neither function nor class."""
    wraps = [wrap for statement in ast.parse(cell.source).body for wrap in _wraps(statement)]
    if not wraps:
        return
    for kind, body in ODD.items():
        if body.startswith("\n"):
            body = "\n".join(line[4:] for line in body.splitlines()).strip()
        tail = _WRAP.format(body=body) + "\n".join(wraps)
        yield OddAnswer(kind, cell.id, f"{cell.source.rstrip()}\n{tail}\n")


def _wraps(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.FunctionDef(name=name):
            yield f"{name} = _odd({name})"
        case ast.ClassDef(name=name, body=body):
            for inner in body:
                match inner:
                    case ast.FunctionDef(name=method) if not method.startswith("__"):
                        yield f"{name}.{method} = _odd({name}.{method})"
        case ast.Assign(targets=[ast.Name(id=name)]):
            yield f"{name} = _odd_answer({name})"
