"""Homes that lie on other hosts: at `down` they come to the hub host, packed as local ones are; at
`up` a seat that has none where it sits gets its newest copy."""

from __future__ import annotations

import json
import subprocess

from hub_config.grading_process import Progress
from hub_config.settings import HubSettings
from provisioning.errors import StepFailed

_SECONDS = 3600


def archive_from_hosts(settings: HubSettings, progress: Progress, *, leave_work: bool) -> None:
    """The last copy of every home, then an archive of each. The seats must have ended.

    StepFailed when a home can't be copied; with `leave_work` the copy before is archived.
    """
    progress("copy homes", 0, 1, "")
    try:
        _backup(settings, "once")
    except StepFailed as error:
        if not leave_work:
            raise
        progress("copy homes", 0, 1, error.message)
    _backup(settings, "archive")
    progress("copy homes", 1, 1, "")


def restore_to_hosts(settings: HubSettings, progress: Progress) -> None:
    """Everybody's newest copy where it is missing. StepFailed when a home can't be brought back:
    nobody may begin anew on an empty one."""
    progress("restore homes", 0, 1, "")
    _backup(settings, "restore")
    progress("restore homes", 1, 1, "")


def _backup(settings: HubSettings, verb: str) -> None:
    file = settings.hub_folder / "settings.json"
    done = subprocess.run(
        [str(settings.hub_python), "-m", "hub_config.backup", verb, str(file)],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        env={
            "PATH": f"{settings.hub_python.parent}:/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin",
            "PYTHONPATH": str(settings.library),
            "LANG": "C.UTF-8",
        },
        check=False,
    )
    if done.returncode != 0:
        problem, next_step = _told(done.stdout, done.stderr)
        raise StepFailed(f"Homes could not be copied: {problem}", next_step=next_step)


def _told(stdout: str, stderr: str) -> tuple[str, str]:
    try:
        said = json.loads(stdout.strip().splitlines()[-1])
        return str(said["problem"]), str(said.get("next_step", ""))
    except (ValueError, IndexError, KeyError, TypeError):
        lines = stderr.strip().splitlines()
        return (lines[-1] if lines else "it gave no reason"), "workshop host list"
