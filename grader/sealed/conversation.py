"""One submission from its first cell to its last: who runs what, for how long, and what it means.

The controller talks to two processes. A cell that takes too long is interrupted, as a person
would do it; a process that does not come back is killed. Whatever the student's process does,
a test has passed only if the checker said so, in time, for that test.
"""

from __future__ import annotations

import select
import time
from dataclasses import replace
from typing import Any

from grader.sealed.frames import Wire, WireBroken, WireError, WireSilent
from grader.sealed.grace import PATIENCE, Grace
from grader.sealed.limits import Limits
from grader.sealed.notebook_outputs import clean_outputs, error_output, stream_outputs
from grader.sealed.stopped import BURIAL_SECONDS, TOO_BUSY, Stopped, why_ended
from grader.sealed.submission import CellOutcome, Outcome, Step, Submission
from grader.sealed.wards import MachineError, Ward
from grader.sealed.watch import use_of, waited_seconds

_LOOK_EVERY = 0.05
_SET_UP_SECONDS = 30.0


class _NoCore(WireError):
    """It did not answer in time, and the machine had no core for it."""


class Conversation:
    """Runs the steps of one submission in its two processes."""

    def __init__(self, student: Ward, checker: Ward, limits: Limits) -> None:
        self._student = student
        self._checker = checker
        self._limits = limits
        self._began = time.monotonic()
        self._base = use_of(student.pid)
        #: What had been used and waited for when the running step began.
        self._used, self._had_waited = self._base, self._waited()
        self._peak = 0.0
        self._output_left = limits.notebook_output_bytes
        #: Why nothing more can be asked of the student's process, once that is so.
        self._student_gone: Stopped | None = None
        self._checker_gone: Stopped | None = None

    def run(self, submission: Submission) -> Outcome:
        """Every step in order. Raises MachineError when the two can't even start."""
        self._set_up(submission)
        cells = [self._step(step) for step in submission.steps]
        ends = [self._close(ward) for ward in (self._student, self._checker)]
        return Outcome(
            cells=tuple(cells),
            seconds=time.monotonic() - self._began,
            cpu_seconds=sum(ends),
            megabytes=self._peak,
        )

    def _set_up(self, submission: Submission) -> None:
        folder = submission.data_folder
        links = sorted(path.name for path in folder.iterdir()) if folder else []
        files = {n: d for n, d in submission.files.items() if n.split("/")[0] not in links}
        cells = [vars(cell) for cell in submission.author_cells]
        try:
            self._checker.control.send({"cells": cells, "links": links}, within=_SET_UP_SECONDS)
            order = {"do": "files", "names": list(files), "links": links}
            self._student.control.send(order, list(files.values()), within=_SET_UP_SECONDS)
            for ward in (self._student, self._checker):
                ward.control.receive(_SET_UP_SECONDS)
        except WireError as error:
            ends = [ward.ended(1.0) for ward in (self._student, self._checker)]
            raise MachineError(f"the processes do not start: {error}, {ends}") from None

    def _step(self, step: Step) -> CellOutcome:
        began, before = time.monotonic(), self._used.cpu_seconds
        outcome = self._test(step) if step.kind == "test" else self._run(step)
        self._used, self._had_waited = use_of(self._student.pid), self._waited()
        spent = self._used.cpu_seconds - before
        return replace(
            outcome,
            seconds=time.monotonic() - began,
            cpu_seconds=outcome.cpu_seconds + max(spent, 0.0),
            megabytes=max(self._peak - self._base.megabytes, 0.0),
        )

    # Cells of the student and of the author, in the student's process.

    def _run(self, step: Step) -> CellOutcome:
        outcome = CellOutcome(step.id, step.kind, None)
        if self._student_gone:
            return replace(outcome, reason=self._student_gone.reason, stopped=True)
        most = min(self._limits.cell_output_bytes, self._output_left)
        order = {"do": "run", "source": step.source, "most": max(most, 0)}
        reply, stopped = self._ask(self._student, order)
        self._tell_checker(step)
        outputs = clean_outputs(reply.get("outputs"), most)
        self._output_left -= sum(len(str(output)) for output in outputs)
        if stopped:
            outputs = (*outputs, error_output("Stopped", stopped.reason))
        return replace(
            outcome,
            reason=stopped.reason if stopped else "",
            stopped=stopped is not None,
            cause="" if reply.get("ok") is True else _last_error(outputs),
            outputs=outputs,
        )

    def _tell_checker(self, step: Step) -> None:
        if not self._checker_gone:
            self._ask(self._checker, {"do": "ran", "id": step.id})

    # Tests, in the checker.

    def _test(self, step: Step) -> CellOutcome:
        outcome = CellOutcome(step.id, step.kind, "not judged")
        if self._checker_gone:
            return _unrun(outcome, self._checker_gone)
        if self._student_gone:
            return _unrun(outcome, self._student_gone)
        reply, stopped = self._ask(self._checker, {"do": "test", "id": step.id})
        stopped = stopped or self._student_gone
        if stopped or self._checker_gone:
            return _unrun(outcome, stopped or self._checker_gone)
        if reply.get("gone"):
            return _unrun(outcome, self._why_gone())
        return _judged(outcome, reply)

    # Asking, with one eye on the clock.

    def _ask(self, ward: Ward, order: dict[str, Any]) -> tuple[dict[str, Any], Stopped | None]:
        """Send an order and wait for the reply. The second value says why it was stopped."""
        try:
            ward.control.send(order, within=self._limits.cell_seconds)
            reply, stopped = self._wait(ward)
        except WireError as error:
            return {}, self._lost(ward, error)
        return reply, stopped

    def _wait(self, ward: Ward) -> tuple[dict[str, Any], Stopped | None]:
        began = time.monotonic()
        while True:
            if _readable(ward.control, _LOOK_EVERY):
                return self._hear(ward), self._over()
            elapsed = time.monotonic() - began
            own = elapsed - (self._waited() - self._had_waited)
            stopped = self._over(own) or self._too_busy(elapsed)
            if stopped:
                return self._interrupt(ward, stopped), stopped

    def _hear(self, ward: Ward) -> dict[str, Any]:
        """What it says, within its grace. Raises WireError."""
        grace = Grace(self._limits.grace_seconds, self._waited, self._cpu_seconds)
        try:
            return ward.control.receive(grace.left)[0]
        except WireSilent as error:
            if grace.too_busy:
                raise _NoCore(str(error)) from None
            raise

    def _waited(self) -> float:
        return waited_seconds(self._student.pid, self._checker.pid)

    def _cpu_seconds(self) -> float:
        return use_of(self._student.pid).cpu_seconds

    def _over(self, own_seconds: float | None = None) -> Stopped | None:
        """Why the running cell has to stop now, if it has to. Its own seconds are those in
        which it ran or slept, not those in which it waited for a core; None when it has come to
        its end, and only what it used is looked at."""
        use, limits = use_of(self._student.pid), self._limits
        self._peak = max(self._peak, use.megabytes)
        if use.megabytes - self._base.megabytes > limits.memory_megabytes:
            stopped = Stopped(f"it used more than {limits.memory_megabytes} MB of memory")
            self._give_up(self._student, stopped)
            return stopped
        total = time.monotonic() - self._began - self._waited()
        if own_seconds is None:
            own_seconds = total = 0.0
        checks = (
            (own_seconds, limits.cell_seconds, "it took longer than {:g} seconds"),
            (
                use.cpu_seconds - self._used.cpu_seconds,
                limits.cell_cpu_seconds,
                "it used more than {:g} seconds of CPU time",
            ),
            (total, limits.notebook_seconds, "the notebook took longer than {:g} seconds"),
            (
                use.cpu_seconds,
                limits.notebook_cpu_seconds,
                "the notebook used more than {:g} seconds of CPU time",
            ),
        )
        over = (text.format(most) for spent, most, text in checks if spent > most)
        reason = next(over, None)
        return Stopped(reason) if reason else None

    def _too_busy(self, elapsed: float) -> Stopped | None:
        return TOO_BUSY if elapsed > PATIENCE * self._limits.cell_seconds else None

    def _interrupt(self, ward: Ward, stopped: Stopped) -> dict[str, Any]:
        """Stop what runs; kill what does not stop."""
        reply: dict[str, Any] = {}
        for each in dict.fromkeys((ward, self._student)):
            each.interrupt()
        try:
            reply = self._hear(ward)
        except WireError as error:
            self._give_up(ward, TOO_BUSY if isinstance(error, _NoCore) else stopped)
        if ward is not self._student and not self._student_gone:
            self._call_back(stopped)
        return reply

    def _call_back(self, stopped: Stopped) -> None:
        """Give the student's process up, unless it is back at waiting for orders."""
        number = int(time.monotonic() * 1e6)
        order = {"do": "ping", "number": number}
        try:
            self._student.control.send(order, within=self._limits.grace_seconds)
            if self._hear(self._student).get("pong") != number:
                self._give_up(self._student, stopped)
        except WireError as error:
            self._give_up(self._student, TOO_BUSY if isinstance(error, _NoCore) else stopped)

    def _give_up(self, ward: Ward, stopped: Stopped) -> None:
        ward.kill()
        if ward is self._student:
            self._student_gone = stopped
        else:
            self._checker_gone = stopped

    def _lost(self, ward: Ward, error: WireError) -> Stopped:
        """What it means that a process can't be talked to any more."""
        if ward is self._checker:
            self._checker_gone = Stopped(f"the checking process was lost ({error})", machine=True)
            ward.kill()
            return self._checker_gone
        if isinstance(error, _NoCore):
            self._give_up(ward, TOO_BUSY)
            return TOO_BUSY
        if isinstance(error, (WireBroken, WireSilent)):
            ward.kill()
            self._student_gone = Stopped("the submission's process broke its protocol")
            return self._student_gone
        return self._why_gone()

    def _why_gone(self) -> Stopped:
        """Why the student's process ended by itself."""
        if self._student_gone is None:
            self._student_gone = why_ended(self._student, self._limits)
        return self._student_gone

    def _close(self, ward: Ward) -> float:
        ward.kill()
        end = ward.ended(BURIAL_SECONDS)
        self._peak = max(self._peak, end.megabytes if end and ward is self._student else 0.0)
        return end.cpu_seconds if end else 0.0


def _readable(wire: Wire, within: float) -> bool:
    return bool(select.select([wire], [], [], within)[0])


def _unrun(outcome: CellOutcome, stopped: Stopped | None) -> CellOutcome:
    """A test that has no answer of the checker."""
    if stopped is None or stopped.machine:
        return replace(outcome, reason=stopped.reason if stopped else "no answer")
    output = error_output("Stopped", stopped.reason)
    return replace(
        outcome, judgement="failed", reason=stopped.reason, stopped=True, outputs=(output,)
    )


def _judged(outcome: CellOutcome, reply: dict[str, Any]) -> CellOutcome:
    """What the checker says, as an outcome. Only a plain `ok` is a pass."""
    reason = str(reply.get("reason", ""))
    if reply.get("judged") is not True:
        return replace(outcome, reason=reason or "the checking process gave no verdict")
    passed = reply.get("ok") is True
    cause = str(reply.get("cause", ""))
    outputs = stream_outputs(reply.get("printed"))
    if not passed:
        outputs = (*outputs, error_output(cause or "CheckFailed", reason))
    return replace(
        outcome,
        judgement="passed" if passed else "failed",
        reason=reason,
        cause=cause,
        detail=str(reply.get("detail", "")),
        value=float(reply["value"]) if passed and reply.get("value") is not None else None,
        cpu_seconds=float(reply.get("cpu", 0.0)),
        outputs=outputs,
    )


def _last_error(outputs: tuple[dict[str, Any], ...]) -> str:
    names = [str(o["ename"]) for o in outputs if o["output_type"] == "error"]
    return names[-1] if names else ""
