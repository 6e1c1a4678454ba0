"""The notebook as a person would see it: run from top to bottom in a real Jupyter kernel."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.notebooknode import NotebookNode

from grader.notebooks import data_files
from grader.proof.lab import Lab

#: Cells get twice their limit: this run shares the machine with whatever else goes on.
_PATIENCE = 2


@dataclass(frozen=True)
class NotebookRun:
    """An executed notebook."""

    notebook: NotebookNode
    seconds: float

    @property
    def pictures(self) -> int:
        return sum(_pictures(cell) for cell in self.notebook.cells)

    def faults(self) -> Iterator[str]:
        """Errors, words on stderr, picture cells that draw nothing."""
        for number, cell in enumerate(self.notebook.cells, 1):
            for output in cell.get("outputs", []):
                if output.output_type == "error":
                    yield f"cell {number} raises {output.ename}: {output.evalue[:200]}"
                elif output.get("name") == "stderr":
                    yield f"cell {number} writes to stderr: {output.text.strip()[:200]}"
            if "picture" in cell.metadata.get("tags", []) and not _pictures(cell):
                yield f"cell {number} is tagged picture and shows none"


def _pictures(cell: NotebookNode) -> int:
    return sum("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def run_notebook(lab: Lab, notebook: NotebookNode, python: Path, run: Path) -> NotebookRun:
    """Execute a copy in a fresh folder that has the lab's data, as an attendee's home has."""
    copy = nbformat.reads(nbformat.writes(notebook), as_version=4)  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory(prefix="notebook-", dir=run) as place:
        folder = Path(place) / "home"
        folder.mkdir()
        for file in data_files(lab.folder):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(lab.folder / file, folder / file)
        client = NotebookClient(
            copy,
            km=_manager(lab.spec.environment, python, Path(place) / "kernels"),
            timeout=_PATIENCE * lab.spec.cell_seconds,
            allow_errors=True,
        )
        began = time.monotonic()
        try:
            # What the kernel's own process says is none of the notebook's.
            client.execute(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=str(folder))
        except (CellTimeoutError, DeadKernelError) as error:
            _note(copy, str(error))
        return NotebookRun(copy, round(time.monotonic() - began, 1))


def _manager(name: str, python: Path, kernels: Path) -> AsyncKernelManager:
    """The kernel of the lab's environment, and no other one."""
    (kernels / name).mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": name, "language": "python"}
    (kernels / name / "kernel.json").write_text(json.dumps(spec))
    specs = KernelSpecManager(kernel_dirs=[str(kernels)], ensure_native_kernel=False)
    return AsyncKernelManager(kernel_spec_manager=specs, kernel_name=name)


def _note(notebook: NotebookNode, why: str) -> None:
    """The run ended early: say so where it ended."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    stuck = next((cell for cell in code if cell.get("execution_count") is None), code[-1])
    error = nbformat.v4.new_output("error", ename="Stopped", evalue=why)  # type: ignore[no-untyped-call]
    stuck.outputs.append(error)
