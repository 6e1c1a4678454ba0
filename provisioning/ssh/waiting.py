"""Waiting for a host that is booting, and for a job on one that may drop its connections."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import PurePosixPath

from provisioning.ssh import jobs
from provisioning.ssh.connection import Connection, connect
from provisioning.ssh.deadline import Deadline
from provisioning.ssh.errors import (
    ConnectionLost,
    DeadlinePassed,
    LoginRefused,
    SshError,
    Unreachable,
)
from provisioning.ssh.login import Login

#: A try during a boot: longer ones would miss the moment when the host begins to answer.
_TRY_SECONDS = 5.0
_PAUSE_SECONDS = 0.5
#: A host that is booting refuses users for a while (pam_nologin); a wrong key is for ever.
_REFUSALS_SECONDS = 60.0


def wait_until_answers(
    login: Login,
    *,
    seconds: float,
    progress: Callable[[str], None] = lambda why: None,
) -> Connection:
    """A connection to a host that may still be booting.

    `progress` hears what each vain try met. Raises HostKeyChanged at once, LoginRefused when
    the host refuses us for a minute, and the last try's Unreachable after `seconds`.
    """
    deadline = Deadline(seconds)
    patience: Deadline | None = None
    while True:
        try:
            return connect(login, seconds=min(_TRY_SECONDS, deadline.left))
        except Unreachable as error:
            failure: SshError = error
            patience = None
        except LoginRefused as error:
            failure = error
            patience = patience or Deadline(_REFUSALS_SECONDS)
        if deadline.left <= _PAUSE_SECONDS or (patience is not None and patience.passed):
            raise _final(failure, deadline)
        progress(failure.message)
        threading.Event().wait(_PAUSE_SECONDS)


def wait_for_job(
    login: Login,
    name: str,
    *,
    seconds: float,
    runs: str = jobs.RUNS,
    progress: Callable[[jobs.Job], None] = lambda job: None,
) -> jobs.Job | None:
    """The job when it no longer runs; None if there is none. Lost connections are made anew.

    `progress` sees the job each time that we look. Raises DeadlinePassed after `seconds` (the
    job goes on), and what `connect` raises when the host can't be reached until then.
    """
    deadline = Deadline(seconds)
    while not deadline.passed:
        try:
            with wait_until_answers(login, seconds=deadline.left) as connection:
                if _watched(connection, name, deadline, PurePosixPath(runs), progress):
                    return jobs.find(
                        connection, name, seconds=deadline.left, runs=PurePosixPath(runs)
                    )
        except (ConnectionLost, DeadlinePassed):
            continue  # of one look; ours is checked above
    raise DeadlinePassed(login.address, f"the job {name}", seconds, detail="it goes on")


def _watched(
    connection: Connection,
    name: str,
    deadline: Deadline,
    runs: PurePosixPath,
    progress: Callable[[jobs.Job], None],
) -> bool:
    """Look again and again, less and less often; True when the job no longer runs."""
    pause = 0.1
    while not deadline.passed:
        job = jobs.find(connection, name, seconds=min(30.0, deadline.left), runs=runs)
        if job is None or job.state != "running":
            return True
        progress(job)
        threading.Event().wait(min(pause, deadline.left))
        pause = min(2.0, pause * 1.5)
    return False


def _final(failure: SshError, deadline: Deadline) -> SshError:
    if isinstance(failure, Unreachable):
        return Unreachable(failure.address, f"{failure.why}, for {deadline}")
    return failure
