"""What can be done on a host as soon as commands run there: files, uploads and jobs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from provisioning.ssh import files, jobs, upload
from provisioning.ssh.runner import Runner


class HostTasks(Runner):
    """The tasks of a `Connection`, which says how commands run."""

    def put(
        self,
        local: Path,
        remote: str,
        *,
        seconds: float,
        mode: int = 0o644,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Copy a file to the host, whole or not at all; see `upload.put`."""
        upload.put(self, local, remote, seconds=seconds, mode=mode, progress=progress)

    def put_bytes(self, content: bytes, remote: str, *, seconds: float, mode: int = 0o644) -> None:
        """Write a small file on the host, whole or not at all; see `files.put_bytes`."""
        files.put_bytes(self, content, remote, seconds=seconds, mode=mode)

    def get_bytes(self, remote: str, *, most: int, seconds: float) -> bytes:
        """Read a file of at most `most` bytes; see `files.get_bytes`."""
        return files.get_bytes(self, remote, most=most, seconds=seconds)

    def start_job(
        self, name: str, command: str, *, seconds: float = 30, runs: str = jobs.RUNS
    ) -> jobs.Job:
        """A command that goes on without us; see `jobs.start`."""
        return jobs.start(self, name, command, seconds=seconds, runs=PurePosixPath(runs))

    def job(self, name: str, *, seconds: float = 30, runs: str = jobs.RUNS) -> jobs.Job | None:
        """What became of a job, None if there never was one; see `jobs.find`."""
        return jobs.find(self, name, seconds=seconds, runs=PurePosixPath(runs))

    def end_job(self, name: str, *, seconds: float = 30, runs: str = jobs.RUNS) -> jobs.Job | None:
        """End a job and everything that it started; see `jobs.end`."""
        return jobs.end(self, name, seconds=seconds, runs=PurePosixPath(runs))

    def job_names(self, *, seconds: float = 30, runs: str = jobs.RUNS) -> tuple[str, ...]:
        """The names of all jobs that were ever started on this host, and not removed."""
        return jobs.names(self, seconds=seconds, runs=PurePosixPath(runs))
