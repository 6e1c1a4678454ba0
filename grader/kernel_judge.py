"""For labs that opt out of the seal: the whole notebook in one jailed kernel, whose replies count.

Hidden tests run in the attendee's own process here, so these grades are marked as unsealed.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbclient.util import ensure_async
from nbformat.notebooknode import NotebookNode

from grader.errors import JudgeUnavailable, NotPossibleHere
from grader.judge import CellVerdict, JudgeTask
from grader.notebooks import is_graded
from grader.outputs import OutputLimit
from grader.settings import Limits
from grader.verdict_rules import Ending, Reply, verdict_of_cell

_SOCKET_PATH_LIMIT = 107
#: What bubblewrap says of a kernel that was killed, and what Linux says of a killed bubblewrap,
#: which the kernel can't reach.
_SIGKILLED = (137, -9)
#: More than sockets need in the one folder of ours that a jailed kernel can write to.
_RUN_FOLDER_BYTES = 16 * 1024 * 1024
_TIMEOUT_REPLY = {"ename": "CellTimeoutError", "evalue": "", "traceback": []}


@dataclass(frozen=True)
class KernelJudge:
    """Judges in kernels of `kernels` (a folder of kernelspecs), under the limits given."""

    kernels: Path
    run: Path
    limits: Limits

    def judge(self, notebook: NotebookNode, task: JudgeTask) -> tuple[CellVerdict, ...]:
        """Run all cells in a fresh jail; see grader.judge.Judge."""
        graded = [index for index, cell in enumerate(notebook.cells) if is_graded(cell)]
        for index in graded:
            # "skip-execution" in a graded cell's tags would make nbclient pass it by.
            notebook.cells[index].metadata.pop("tags", None)
        self.run.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="k", dir=self.run) as private:
            evidence = self._execute(notebook, task, Path(private))
        return tuple(
            verdict_of_cell(notebook.cells[index], evidence.replies.get(index), evidence.ending)
            for index in graded
        )

    def _execute(self, notebook: NotebookNode, task: JudgeTask, private: Path) -> _Evidence:
        if len(str(private / "k-ipc-0")) > _SOCKET_PATH_LIMIT:
            raise NotPossibleHere(
                f"the run folder's path is too long for sockets: {self.run}",
                next_step="choose a shorter state folder (WORKSHOP_STATE)",
            )
        client = _JailedClient(notebook, task, self, private)
        with tempfile.TemporaryFile() as complaints:
            _run(client, task, complaints)
        return client.evidence


def _run(client: _JailedClient, task: JudgeTask, complaints: IO[bytes]) -> None:
    """Run the client to its end; what ended it early is part of the evidence."""
    evidence = client.evidence
    try:
        # Never our own streams: whoever reads our output must not read an attendee's.
        client.execute(cwd=str(task.folder), stdout=subprocess.DEVNULL, stderr=complaints)
    except Exception as error:
        if not evidence.started:
            complaints.seek(0)
            said = complaints.read()[-500:].decode(errors="replace").strip()
            raise JudgeUnavailable(
                f"the kernel {task.kernel!r} did not start: {said or error}",
                next_step="check the environment, then run the command again",
            ) from error
        evidence.ending = _ending(error, evidence)


def _ending(error: Exception, evidence: _Evidence) -> Ending:
    match error:
        case _OutOfTime():
            return Ending("CellTimeoutError", "the notebook used up its time", ours=False)
        case CellTimeoutError():
            reason = "a cell ran past its time limit and could not be interrupted"
            return Ending("CellTimeoutError", reason, ours=False)
        case DeadKernelError() if evidence.flooded:
            return Ending("TooManyFiles", "the notebook filled the disk", ours=False)
        case DeadKernelError() if evidence.exit_status in _SIGKILLED:
            reason = "the kernel was killed, perhaps for lack of memory"
            return Ending("KernelKilled", reason, ours=True)
        case DeadKernelError():
            reason = f"the notebook ended its own kernel (exit status {evidence.exit_status})"
            return Ending("KernelDied", reason, ours=False)
        case _:
            reason = f"the run broke off: {type(error).__name__}: {error}"
            return Ending("RunBroken", reason[:300], ours=True)


@dataclass
class _Evidence:
    """What we saw of the run ourselves, as opposed to what the notebook says."""

    started: bool = False
    replies: dict[int, Reply] = field(default_factory=dict)
    exit_status: int | None = None
    flooded: bool = False
    ending: Ending | None = None


class _OutOfTime(Exception):
    """The notebook's whole time is used up."""


class _JailedClient(NotebookClient):
    """nbclient with a jailed kernel over ipc sockets, a total time, and bounded outputs."""

    km: Any

    def __init__(
        self, notebook: NotebookNode, task: JudgeTask, judge: KernelJudge, private: Path
    ) -> None:
        super().__init__(
            notebook,
            timeout_func=self._seconds_left,
            interrupt_on_timeout=True,
            error_on_timeout=_TIMEOUT_REPLY,
            raise_on_iopub_timeout=True,
            iopub_timeout=15,
            startup_timeout=120,
            allow_errors=True,
            store_widget_state=False,
            shutdown_kernel="immediate",
            on_notebook_start=self._note_start,
            on_cell_execute=self._note_begin,
            on_cell_executed=self._note_reply,
        )
        self.task = task
        self.evidence = _Evidence()
        self._kernels = judge.kernels
        #: Holds the connection file and the sockets, nothing else.
        self._private = private
        self._output_limit = OutputLimit(judge.limits.output_kilobytes_per_cell * 1024)
        self._total = judge.limits.notebook_seconds
        self._deadline = float("inf")
        self._began = 0.0

    def create_kernel_manager(self) -> Any:
        specs = KernelSpecManager(kernel_dirs=[str(self._kernels)], ensure_native_kernel=False)
        self.km = AsyncKernelManager(
            kernel_name=self.task.kernel,
            kernel_spec_manager=specs,
            connection_file=str(self._private / "k.json"),
            transport="ipc",
        )
        return self.km

    @asynccontextmanager
    async def async_setup_kernel(self, **kwargs: Any) -> AsyncIterator[None]:
        """A kernel, until its end. Ctrl-C and SIGTERM stay ours: nbclient's own takes them for the
        whole process, kills the kernel at them, so that the attendee seems to have ended it, and
        keeps them for good where no kernel starts."""
        self.create_kernel_manager()
        try:
            await self.async_start_new_kernel(**kwargs)
            await self.async_start_new_kernel_client()
            yield
        finally:
            if self.km is not None:  # nbclient has ended one that never answered
                await self._async_cleanup_kernel()

    def _note_start(self, **_: Any) -> None:
        self.evidence.started = True
        self._deadline = time.monotonic() + self._total

    def _note_begin(self, **_: Any) -> None:
        if time.monotonic() >= self._deadline:
            raise _OutOfTime
        self._began = time.monotonic()

    def _note_reply(self, cell: NotebookNode, cell_index: int, execute_reply: Any) -> None:
        """Keep the verdict's evidence now: later messages can rewrite a cell's outputs."""
        content = execute_reply["content"]
        seconds = time.monotonic() - self._began
        self.evidence.replies[cell_index] = Reply.of(content, cell.outputs, seconds)
        recorded = any(output.output_type == "error" for output in cell.outputs)
        if content["status"] == "error" and not recorded:
            cell.outputs.append(self._output_limit.error(content))

    def _seconds_left(self, cell: NotebookNode) -> int:
        return max(1, min(self.task.cell_seconds, int(self._deadline - time.monotonic())))

    async def _async_check_alive(self) -> None:
        if not self.evidence.flooded and _size(self._private) > _RUN_FOLDER_BYTES:
            self.evidence.flooded = True
            await ensure_async(self.km.shutdown_kernel(now=True))
            raise DeadKernelError("Kernel killed")
        process = getattr(self.km.provisioner, "process", None)
        if process is not None:
            self.evidence.exit_status = process.poll()
        await super()._async_check_alive()

    def process_message(self, msg: Any, cell: NotebookNode, cell_index: int) -> Any:
        bounded = self._output_limit.bounded(msg, cell_index)
        return None if bounded is None else super().process_message(bounded, cell, cell_index)

    async def _async_cleanup_kernel(self) -> None:
        # A kernel that can't be reached any more must not keep the grader waiting.
        await asyncio.wait_for(super()._async_cleanup_kernel(), timeout=60)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except FileNotFoundError:
            continue
    return total
