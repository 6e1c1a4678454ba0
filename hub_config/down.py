"""`down`: end everything, archive the attendees' work, leave nothing outside the state folder.

The order matters: work is archived only when nobody can change it any more, accounts are
removed only when nothing runs under them, and the last step looks at the machine itself.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hub_config.grading_process import Progress
from hub_config.homes import archive_homes
from hub_config.hub_api import HubApi
from hub_config.seat_process import SeatProcess
from hub_config.settings import HubSettings, Secrets
from hub_config.supervisor import Supervisor
from hub_config.up import hub_api, supervisor_of
from provisioning.accounts import PREFIX, accounts_of, remove_account
from provisioning.errors import StepFailed
from provisioning.limits import remove_all
from provisioning.paths import StatePaths

SEATS_SECONDS = 60


@dataclass(frozen=True)
class DownResult:
    """What was ended, and where the attendees' work is now."""

    was_running: bool
    archive: Path | None
    accounts: int


def take_down(paths: StatePaths, now: datetime, progress: Progress) -> DownResult:
    """Converges from wherever the last run stopped. StepFailed when something is left."""
    was_running = _end_processes(paths, progress)
    progress("archive", 0, 1, "")
    archive = archive_homes(paths.homes, paths.archive, now) if paths.homes.is_dir() else None
    progress("archive", 1, 1, "")
    accounts = accounts_of(paths.workshop)
    for done, account in enumerate(accounts, start=1):
        remove_account(account.name.removeprefix(PREFIX), workshop=paths.workshop)
        progress("accounts", done, len(accounts), "")
    remove_all(paths.workshop)
    _own_what_is_left(paths)
    _prove_empty(paths)
    return DownResult(was_running, archive, len(accounts))


def _end_processes(paths: StatePaths, progress: Progress) -> bool:
    settings_file = paths.hub / "settings.json"
    if not settings_file.is_file():
        return False
    settings = HubSettings.model_validate_json(settings_file.read_text())
    secrets = Secrets.model_validate_json(settings.secrets_file.read_text())
    supervisor = supervisor_of(paths, settings)
    _stop_seats(hub_api(settings, secrets), progress)
    progress("processes", 0, 1, "")
    was_running = supervisor.shut_down()
    _end_seats_by_force(supervisor)
    progress("processes", 1, 1, "")
    return was_running


def _stop_seats(hub: HubApi, progress: Progress) -> None:
    """Through the hub if it still answers, so that kernels end in order."""
    if not hub.healthy():
        return
    running = [server.username for server in hub.servers() if server.running or server.pending]
    for name in running:
        hub.stop_server(name)
    deadline = time.monotonic() + SEATS_SECONDS
    while time.monotonic() < deadline:
        left = sum(server.running or server.pending is not None for server in hub.servers())
        progress("seats", len(running) - left, len(running), "")
        if left == 0:
            return
        time.sleep(0.3)


def _end_seats_by_force(supervisor: Supervisor) -> None:
    """Seats whose hub was killed: the jails carry our mark."""
    for process in supervisor.leftovers():
        seat = SeatProcess.of(process.pid)
        if seat is not None:
            seat.end()


def _own_what_is_left(paths: StatePaths) -> None:
    """Files of removed accounts must not fall to whoever gets their number next."""
    if not paths.home.is_dir():
        return
    owner = paths.home.stat()
    for path in paths.home.rglob("*"):
        if path.lstat().st_uid != owner.st_uid:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _prove_empty(paths: StatePaths) -> None:
    left = [account.name for account in accounts_of(paths.workshop)]
    if left:
        raise StepFailed(
            f"Accounts are left: {', '.join(left)}", next_step="run `workshop down` again"
        )
