"""Why a submission was stopped, or ended by itself, and whose fault that is."""

from __future__ import annotations

from dataclasses import dataclass

from grader.sealed.limits import Limits
from grader.sealed.wards import Ward
from grader.sealed.watch import is_dying

#: On a busy machine, a process that was killed takes a while to give back its memory.
BURIAL_SECONDS = 30.0
#: How long a process that closed its connection may take to begin to end.
_LAST_SECONDS = 2.0


@dataclass(frozen=True)
class Stopped:
    """Why a cell was stopped from outside. `machine` means: not the submission's fault."""

    reason: str
    machine: bool = False


TOO_BUSY = Stopped("the machine was too busy to run it in time", machine=True)


def why_ended(student: Ward, limits: Limits) -> Stopped:
    """Why the process of a submission ended by itself, or closed its connection."""
    end = student.ended(_LAST_SECONDS)
    if end is None and is_dying(student.pid):
        end = student.ended(BURIAL_SECONDS)
    if end is None and student.lost:
        # No submission can reach its warden: somebody else's hand, or the machine's.
        return Stopped("the submission's process was lost", machine=True)
    if end is None:
        student.kill()
        return Stopped("the submission's process closed its connection")
    if end.broken:
        return Stopped(f"the submission's process was not started: {end.broken}", machine=True)
    if end.code == -9 and end.cpu_seconds < limits.notebook_cpu_seconds:
        # Nothing inside its pid namespace can send the first process this signal.
        return Stopped("the submission's process was killed by the machine", machine=True)
    how = f"signal {-end.code}" if end.code and end.code < 0 else f"exit code {end.code}"
    return Stopped(f"the submission ended its own process ({how})")
