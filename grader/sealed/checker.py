"""The process that runs test cells. It executes the author's text and nothing else.

A test's globals are a dictionary with a back door: a name that the checker does not have
itself is asked for in the student's process, each time, as in a notebook. What an author's
test binds is bound here; when the submission knows the name too, it is bound there as well.
"""

from __future__ import annotations

import ast
import contextlib
import os
import random
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np  # type: ignore[import-not-found]

from grader.sealed import values
from grader.sealed.authored import AuthorCell, Authored, hidden_lines, parse
from grader.sealed.connection import Connection
from grader.sealed.frames import Wire, WireError
from grader.sealed.handles import SealError, StudentGoneError
from grader.sealed.interrupts import Interrupts
from grader.sealed.names import Names
from grader.sealed.shared_files import SharedFiles

_MOST_OUTPUT = 64 * 1024
_LONGEST_REASON = 1000


def serve(control: Wire, channel: Wire) -> None:
    """Obey the controller until it is gone."""
    with contextlib.suppress(WireError):
        interrupts = Interrupts()
        message, _ = control.receive()
        cells = [AuthorCell(**cell) for cell in message["cells"]]
        checker = Checker(cells, Connection(channel, interrupts))
        _link_data(message["links"])
        control.send({"ready": True})
        while True:
            message, _ = control.receive()
            try:
                with interrupts.allowed():
                    reply = checker.do(message)
            except KeyboardInterrupt:
                reply = {"ok": False, "reason": "interrupted"}
            control.send(reply)


class Checker:
    """The author's notebook, running beside one submission."""

    def __init__(self, cells: list[AuthorCell], student: Connection) -> None:
        self._student = student
        self._authored = Authored(cells)
        self._cells = {cell.id: cell for cell in cells}
        self._waiting = list(cells)
        self._names = Names(self._authored, student)
        self._files = SharedFiles(student)
        student.before_call = self._files.hand_over
        student.after_call = self._after_call
        self._known: set[str] = set()
        #: Why no test can be judged: the author's own cells do not run here.
        self._broken = ""
        self._run_own(self._authored.imports(), "the solution's imports")
        self._seed_both_sides()

    def do(self, message: dict[str, Any]) -> dict[str, Any]:
        """Obey one order of the controller."""
        match message["do"]:
            case "ran":
                for name in self._authored.bound_by(message["id"]) & self._authored.of_student:
                    self._names.pop(name, None)
                return {}
            case "test":
                return self._test(self._cells[message["id"]])
        return {}

    def _after_call(self, passed: list[Any]) -> None:
        self._names.forget(passed)
        self._files.forget()

    # The author's cells.

    def _run_until(self, cell_id: str) -> None:
        """Run the author's own cells that come before this one and have not run yet."""
        while self._waiting:
            cell = self._waiting.pop(0)
            if cell.id == cell_id:
                return
            if cell.kind in ("plain", "locked"):
                statements = self._authored.own_statements(cell, self._known)
                self._run_own(statements, f"the author's cell {cell.id}")

    def _run_own(self, statements: Any, what: str) -> None:
        for statement in statements:
            module = ast.Module(body=[statement], type_ignores=[])
            try:
                with _quiet():
                    exec(compile(module, "<author>", "exec"), self._names)  # noqa: S102
            except Exception as error:
                self._broken = self._broken or f"{what} does not run in the checker: {error!r}"
        self._known |= set(self._names)

    def _seed_both_sides(self) -> None:
        """A test that seeds a random generator means the submission's, too."""
        modules = ((random, "random"), (np.random, "numpy.random"))
        mx_random = sys.modules.get("mxnet.random")
        for module, name in (*modules, *(((mx_random, "mxnet.random"),) if mx_random else ())):
            module.seed = self._seed_of(module.seed, name)

    def _seed_of(self, own: Any, module: str) -> Any:
        def seed(*args: Any, **keywords: Any) -> Any:
            with contextlib.suppress(values.BadValueError):
                self._student.seed(module, args or tuple(keywords.values()))
            return own(*args, **keywords)

        return seed

    # Tests.

    def _test(self, cell: AuthorCell) -> dict[str, Any]:
        began, cpu = time.perf_counter(), time.process_time()
        self._run_until(cell.id)
        if self._broken:
            return {"judged": False, "reason": self._broken}
        self._student.begin_cell()
        self._names.forget()
        printed = _Printed()
        error, value = self._run_test(cell, printed)
        reply = self._verdict(cell, error)
        return {
            "judged": True,
            **reply,
            "printed": [] if hidden_lines(cell.source) else printed.outputs(),
            "value": _value_text(value),
            "seconds": time.perf_counter() - began,
            "cpu": time.process_time() - cpu,
            "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }

    def _run_test(self, cell: AuthorCell, printed: _Printed) -> tuple[BaseException | None, Any]:
        before = sys.stdout, sys.stderr
        self._names.sharing = True
        sys.stdout, sys.stderr = printed.stream("stdout"), printed.stream("stderr")
        try:
            body, last = _compiled(cell)
            with self._files.watched():
                exec(body, self._names)  # noqa: S102 - the author's own test
                return None, eval(last, self._names) if last else None  # noqa: S307
        except BaseException as error:
            return error, None
        finally:
            sys.stdout, sys.stderr = before
            self._names.sharing = False

    def _verdict(self, cell: AuthorCell, error: BaseException | None) -> dict[str, Any]:
        if error is None and not self._student.broken:
            return {"ok": True, "reason": "", "cause": "", "detail": ""}
        if error is None:
            error = SealError(self._student.broken)
        return {
            "ok": False,
            "reason": self._reason(cell, error)[:_LONGEST_REASON],
            "cause": "" if isinstance(error, SealError) else type(error).__name__,
            "gone": isinstance(error, StudentGoneError),
            "detail": "".join(traceback.format_exception(error))[-8000:],
        }

    def _reason(self, cell: AuthorCell, error: BaseException) -> str:
        """Why it failed, in words that are safe to show to the attendee."""
        if isinstance(error, (SealError, StudentGoneError)):
            return str(error)
        lines = _lines_in_cell(error)
        hidden = bool(hidden_lines(cell.source) & set(lines))
        if error is self._student.raised:
            text = f"your code raised {type(error).__name__}"
            return text if hidden else f"{text}: {error}"
        if isinstance(error, AssertionError):
            return _assertion_text(error, hidden)
        if isinstance(error, NameError):
            return str(error)
        text = f"the check stopped with {type(error).__name__}"
        return text if hidden else f"{text}: {error}"


def _assertion_text(error: AssertionError, hidden: bool) -> str:
    message = str(error).strip()
    if not message:
        return "a check failed"
    if traceback.extract_tb(error.__traceback__)[-1].filename.startswith("<test"):
        return message  # the author wrote it
    # A library wrote it: in a hidden test, what follows the first line shows expected values.
    return message.splitlines()[0] if hidden else message


def _lines_in_cell(error: BaseException) -> list[int]:
    frames = traceback.extract_tb(error.__traceback__)
    return [frame.lineno or 0 for frame in frames if frame.filename.startswith("<test")]


def _compiled(cell: AuthorCell) -> tuple[CodeType, CodeType | None]:
    tree = parse(cell.source)
    if not tree.body and cell.source.strip():
        tree = ast.parse(cell.source)  # raises the SyntaxError that explains it
    last = None
    name = f"<test {cell.id}>"
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not cell.source.rstrip().endswith(";"):
        last = compile(ast.Expression(tree.body.pop().value), name, "eval")  # type: ignore[attr-defined]
    return compile(tree, name, "exec"), last


def _value_text(value: Any) -> str | None:
    """A plain number that the test ends with: nbgrader reads it as partial credit."""
    if type(value) in (int, float) or isinstance(value, (np.floating, np.integer)):
        return repr(float(value))
    return None


class _Printed:
    """What the test and, through it, the student's functions print."""

    def __init__(self) -> None:
        self._items: list[list[str]] = []
        self._left = _MOST_OUTPUT

    def stream(self, name: str) -> Any:
        """A stream that collects here."""
        from grader.sealed.shell import Stream

        return Stream(name, self._write)

    def _write(self, name: str, text: str) -> None:
        text = text[: self._left]
        self._left -= len(text)
        if self._items and self._items[-1][0] == name:
            self._items[-1][1] += text
        elif text:
            self._items.append([name, text])

    def outputs(self) -> list[list[str]]:
        """Pairs of stream and text."""
        return self._items


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        yield


def _link_data(names: list[str]) -> None:
    for name in names:
        Path(name).symlink_to(f"/data/{name}")
