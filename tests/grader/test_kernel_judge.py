"""The judge that runs kernels: what it leaves of the process that it runs in."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from grader import kernel_judge
from grader.errors import JudgeUnavailable
from grader.judge import CellVerdict, JudgeTask
from grader.kernel_judge import KernelJudge
from grader.settings import Limits

KERNEL = ("-m", "ipykernel_launcher", "-f", "{connection_file}")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def handlers() -> list[Any]:
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.fixture
def ours() -> Iterator[list[Any]]:
    """Handlers of our own, as the watch has them."""
    before = handlers()
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)
    yield handlers()
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


@dataclass(frozen=True)
class Judged:
    notebook: NotebookNode
    verdicts: tuple[CellVerdict, ...]


def judge(folder: Path, *argv: str) -> Judged:
    """Have a notebook judged whose only cell works out 42."""
    (folder / "kernels/one").mkdir(parents=True)
    spec = {"argv": argv, "display_name": "one", "language": "python"}
    (folder / "kernels/one/kernel.json").write_text(json.dumps(spec))
    graded = {"grade": True, "grade_id": "test", "solution": False, "points": 1}
    cell = new_code_cell("6 * 7", metadata={"nbgrader": graded})
    notebook = new_notebook(cells=[cell])
    task = JudgeTask("lab", "one", folder, folder, notebook, cell_seconds=60, sealed=False)
    one = KernelJudge(folder / "kernels", folder / "r", Limits())
    return Judged(notebook, one.judge(notebook, task))


@pytest.fixture
def near() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="kj") as folder:
        yield Path(folder)


def test_signals_stay_ours_while_a_notebook_runs_and_afterwards(
    near: Path, nlp_python: Path, ours: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile: list[list[Any]] = []
    begins = kernel_judge._JailedClient._note_begin
    monkeypatch.setattr(
        kernel_judge._JailedClient,
        "_note_begin",
        lambda self, **told: (meanwhile.append(handlers()), begins(self, **told)),
    )
    done = judge(near, str(nlp_python), *KERNEL)
    assert done.notebook.cells[0].outputs[0].data["text/plain"] == "42"
    assert meanwhile == [ours]
    assert handlers() == ours


def test_signals_stay_ours_when_no_kernel_starts(near: Path, ours: list[Any]) -> None:
    with pytest.raises(JudgeUnavailable, match="did not start"):
        judge(near, "/bin/false", "{connection_file}")
    assert handlers() == ours


def test_a_kernel_that_somebody_else_killed_costs_no_points(
    near: Path, nlp_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        kernel_judge._JailedClient,
        "_note_begin",
        lambda self, **_: os.kill(self.km.provisioner.process.pid, signal.SIGKILL),
    )
    (verdict,) = judge(near, str(nlp_python), *KERNEL).verdicts
    assert (verdict.outcome, verdict.points) == ("not judged", 0)
    assert "was killed" in verdict.reason
