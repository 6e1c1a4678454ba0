"""Automatic mutants of a reference: each differs from it by one small change inside a gap.

Only the text between BEGIN SOLUTION and END SOLUTION changes, because only that is the attendee's.
A lab with many possible mutants gets a choice of them, the same one on every run and machine.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.proof.lab import Cell, Exercise, Lab
from grader.proof.operators import changes

#: Most mutants of one lab that are tried, and of one exercise whose checks train.
MOST_PER_LAB = 100
MOST_PER_SLOW_EXERCISE = 10


@dataclass(frozen=True)
class Mutant:
    """One change, as the lines that it touches, and the whole cell with it."""

    cell: str
    was: str
    becomes: str
    source: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What a person writes into equivalents.yaml; spaces don't matter."""
        return self.cell, one_line(self.was), one_line(self.becomes)


def one_line(text: str) -> str:
    return " ".join(text.split())


def mutants_of(cell: Cell) -> Iterator[Mutant]:
    """Every automatic mutant of a solution cell, no text twice."""
    gaps = _gaps(cell.source)
    tree = ast.parse(cell.source)
    seen = {cell.source}
    for old, new in changes(tree):
        if not any(_inside(old, gap) for gap in gaps):
            continue
        source = _with(cell.source, old, new)
        if source is not None and source not in seen:
            seen.add(source)
            was, becomes = _difference(cell.source, source)
            yield Mutant(cell.id, was, becomes, source)


def chosen_of(lab: Lab, apart: set[tuple[str, str, str]]) -> tuple[list[Mutant], int]:
    """The mutants to try and how many there are; those whose keys are `apart` not counted.

    The exercises take turns, so that each gets its share; within one the choice follows a hash
    of the change, so that an edit elsewhere doesn't choose anew.
    """
    lists = [_ranked(exercise, apart) for exercise in lab.exercises]
    total = sum(map(len, lists))
    queues = [_capped(exercise, each) for exercise, each in zip(lab.exercises, lists, strict=True)]
    chosen: list[Mutant] = []
    while any(queues) and len(chosen) < MOST_PER_LAB:
        for queue in queues:
            if queue and len(chosen) < MOST_PER_LAB:
                chosen.append(queue.pop(0))
    return chosen, total


def _ranked(exercise: Exercise, apart: set[tuple[str, str, str]]) -> list[Mutant]:
    found = [mutant for cell in exercise.solutions for mutant in mutants_of(cell)]
    found = [mutant for mutant in found if mutant.key not in apart]
    return sorted(found, key=lambda each: hashlib.sha256(repr(each.key).encode()).digest())


def _capped(exercise: Exercise, mutants: list[Mutant]) -> list[Mutant]:
    slow = any(check.slow for check in exercise.checks)
    return mutants[:MOST_PER_SLOW_EXERCISE] if slow else mutants


def _gaps(source: str) -> list[range]:
    """The line numbers of each gap."""
    found, begin = [], 0
    for number, line in enumerate(source.splitlines(), 1):
        if re.search("BEGIN SOLUTION", line):
            begin = number + 1
        elif re.search("END SOLUTION", line):
            found.append(range(begin, number))
    return found


def _inside(node: ast.AST, gap: range) -> bool:
    first, last = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
    return first in gap and last in gap


def _with(source: str, old: ast.AST, new: ast.AST) -> str | None:
    """The source with one node written anew; None where that is no Python."""
    text = ast.unparse(ast.fix_missing_locations(new))
    for written in (text, f"({text})") if isinstance(new, ast.expr) else (text,):
        changed = _replaced(source, old, written)
        with contextlib.suppress(SyntaxError, ValueError):
            if written != text or ast.dump(ast.parse(changed)) == _safe(source, old, new, text):
                compile(changed, "<mutant>", "exec")
                return changed
    return None


def _safe(source: str, old: ast.AST, new: ast.AST, text: str) -> str:
    """The tree that the change means, however the operators around it bind."""
    if not isinstance(new, ast.expr) or isinstance(new, ast.Slice):
        return ast.dump(ast.parse(_replaced(source, old, text)))
    return ast.dump(ast.parse(_replaced(source, old, f"({text})")))


def _replaced(source: str, old: ast.AST, text: str) -> str:
    """Columns of the syntax tree count bytes."""
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    whole = b"".join(lines)
    begin = starts[old.lineno - 1] + old.col_offset  # type: ignore[attr-defined]
    end = starts[old.end_lineno - 1] + old.end_col_offset  # type: ignore[attr-defined]
    return (whole[:begin] + text.encode() + whole[end:]).decode()


def _difference(one: str, other: str) -> tuple[str, str]:
    """The lines that differ, without those that are the same before and after them."""
    before, after = one.splitlines(), other.splitlines()
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    return _stripped(before[start : len(before) - end]), _stripped(after[start : len(after) - end])


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _stripped(lines: list[str]) -> str:
    return "\n".join(line.strip() for line in lines)
