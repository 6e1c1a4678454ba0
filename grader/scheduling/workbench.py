"""A worker host's side without Dask: text in, text out, sealed runs in between.

learn     a lab's part; its canary goes first on this host
judge     an order for a lab that was learnt
try out   a canary's or a warm-up's order: nobody's grade depends on it
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.scheduling.answer import answer_text
from grader.scheduling.engines import SealedRun
from grader.scheduling.order import (
    LabPart,
    Order,
    read_lab_part,
    read_order,
    solution_of,
    untouched_of,
)
from grader.scheduling.this_machine import ThisMachine
from grader.sealed.limits import Limits
from grader.sealed.submission import Outcome, Submission

#: Not those of the seats on this host, which are 61000 and on.
_FIRST_ACCOUNT = 64000
#: Labs whose data are kept. More than a course has; a lab that was forgotten is sent again.
_MOST_LABS = 40


@dataclass(frozen=True)
class Installed:
    """A kernel environment of this host."""

    python: Path
    identity: str


@dataclass(frozen=True)
class _Known:
    part: LabPart
    data: Path


class Workbench:
    """What one worker process keeps between orders. Threads may share it."""

    def __init__(self, environments: Mapping[str, Installed], folder: Path, slots: int) -> None:
        """`folder` is this worker's own."""
        self._environments = environments
        self._folder = folder
        pythons = {name: each.python for name, each in environments.items()}
        run, first = folder / "run", _FIRST_ACCOUNT
        self._engines = ThisMachine(pythons, run, slots=slots, first_account=first)
        self._labs: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        self._engines.close()

    def learn(self, lab_text: str, limits_text: str) -> str:
        """Keep a lab and prove it here. JSON: a list of what is wrong, empty when it is fit.

        `limits_text` is an order's own limits, as JSON.
        """
        part = read_lab_part(lab_text)
        findings = self._unfit(part)
        if not findings:
            known = self._keep(part)
            findings = self._prove(known, Limits(**json.loads(limits_text)))
            if not findings:
                self._remember(known)
        return json.dumps(findings)

    def judge(self, order_text: str) -> str:
        """The outcome, as `answer_text`. KeyError for a lab that was not learnt here."""
        order = read_order(order_text)
        with self._lock:
            known = self._labs[order.lab]
        return answer_text(self._run(known, _handed_in(known, order), order.limits))

    def try_out(self, lab_text: str, order_text: str) -> str:
        """The outcome of an order that counts for nobody."""
        part, order = read_lab_part(lab_text), read_order(order_text)
        if findings := self._unfit(part):
            raise RuntimeError("; ".join(findings))
        known = self._keep(part)
        return answer_text(self._run(known, _handed_in(known, order), order.limits))

    def _unfit(self, part: LabPart) -> list[str]:
        here = self._environments.get(part.kernel)
        if here is None or not here.python.exists():
            return [f"the environment {part.kernel!r} is not on this host"]
        if here.identity != part.identity:
            return [f"the environment {part.kernel!r} of this host has other packages"]
        return []

    def _keep(self, part: LabPart) -> _Known:
        """Write the lab's data below this worker's folder, whole or not at all."""
        data = self._folder / "labs" / part.key
        with self._lock:
            if not data.is_dir():
                data.parent.mkdir(parents=True, exist_ok=True)
                half = Path(tempfile.mkdtemp(dir=data.parent))
                for name, content in part.data.items():
                    (half / name).parent.mkdir(parents=True, exist_ok=True)
                    (half / name).write_bytes(content)
                os.replace(half, data)  # noqa: PTH105 - a folder, whole at once
        return _Known(part, data)

    def _remember(self, known: _Known) -> None:
        with self._lock:
            self._labs[known.part.key] = known
            while len(self._labs) > _MOST_LABS:
                del self._labs[next(iter(self._labs))]

    def _prove(self, known: _Known, limits: Limits) -> list[str]:
        solution = self._run(known, solution_of(known.part, known.data), limits)
        untouched = self._run(known, untouched_of(known.part, known.data), limits)
        return [
            *(
                f"the solution does not pass {cell.id!r} here ({cell.reason})"
                for cell in solution.cells
                if cell.kind == "test" and cell.judgement != "passed"
            ),
            *(
                f"nothing at all passes {cell.id!r} here"
                for cell in untouched.cells
                if cell.kind == "test" and cell.judgement == "passed"
            ),
        ]

    def _run(self, known: _Known, submission: Submission, limits: Limits) -> Outcome:
        return self._engines.run(SealedRun(known.part.kernel, submission, limits))


def _handed_in(known: _Known, order: Order) -> Submission:
    return Submission(order.steps, known.part.author_cells, known.data, order.files)
