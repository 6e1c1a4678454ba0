"""`down`: end everything, archive the attendees' work, leave nothing outside the state folder.

The order matters: work is archived only when nobody can change it any more, accounts are
removed only when nothing runs under them, and the last step looks at the machine itself.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hub_config.grading_process import Progress
from hub_config.homes import archive_homes, give
from hub_config.hub_api import HubApi
from hub_config.hub_host.homes_elsewhere import archive_from_hosts
from hub_config.install import Owner
from hub_config.seat_process import SeatProcess
from hub_config.settings import HubSettings, Secrets
from hub_config.supervisor import marked_processes
from hub_config.up import hub_api, supervisor_of
from provisioning.accounts import (
    PREFIX,
    Account,
    accounts_of,
    ensure_no_processes,
    remove_account,
)
from provisioning.errors import StepFailed
from provisioning.limits import remove_all
from provisioning.paths import StatePaths, running_as_root

SEATS_SECONDS = 60
FORCE_SECONDS = 10


@dataclass(frozen=True)
class DownResult:
    """What was ended, and where the attendees' work is now."""

    was_running: bool
    archive: Path | None
    accounts: int


def take_down(
    paths: StatePaths, now: datetime, progress: Progress, *, leave_work: bool = False
) -> DownResult:
    """Converges from wherever the last run stopped. StepFailed when something is left, or when a
    home on another host can't be copied; with `leave_work` its last copy is taken then."""
    was_running = _end_processes(paths, progress, leave_work)
    accounts = _accounts(paths)
    for account in accounts:
        ensure_no_processes(account)
    progress("archive", 0, 1, "")
    archive = archive_homes(paths.homes, paths.archive, now) if paths.homes.is_dir() else None
    progress("archive", 1, 1, "")
    for done, account in enumerate(accounts, start=1):
        remove_account(account.name.removeprefix(PREFIX), workshop=paths.workshop)
        progress("accounts", done, len(accounts), "")
    remove_all(paths.workshop)
    _own_what_is_left(paths)
    _prove_empty(paths)
    return DownResult(was_running, archive, len(accounts))


def _end_processes(paths: StatePaths, progress: Progress, leave_work: bool) -> bool:
    settings_file = paths.hub / "settings.json"
    if not settings_file.is_file():
        _end_by_force(paths)
        return False
    settings = HubSettings.model_validate_json(settings_file.read_text())
    secrets = Secrets.model_validate_json(settings.secrets_file.read_text())
    supervisor = supervisor_of(paths, settings)
    _stop_seats(hub_api(settings, secrets), progress)
    if settings.links is not None:
        archive_from_hosts(settings, progress, leave_work=leave_work)
    progress("processes", 0, 1, "")
    was_running = supervisor.shut_down()
    _end_by_force(paths)
    progress("processes", 1, 1, "")
    return was_running


def _stop_seats(hub: HubApi, progress: Progress) -> None:
    """Through the hub if it still answers, so that kernels end in order."""
    # Whatever ails the hub must not keep the workshop up: then they end by force.
    with suppress(StepFailed):
        if hub.healthy():
            _ask_seats_to_stop(hub, progress)


def _ask_seats_to_stop(hub: HubApi, progress: Progress) -> None:
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


def _end_by_force(paths: StatePaths) -> None:
    """Seats whose hub was killed, a grader that nobody waits for: all carry our mark."""
    deadline = time.monotonic() + FORCE_SECONDS
    while (left := marked_processes(paths.home)) and time.monotonic() < deadline:
        for process in left:
            found = SeatProcess.of(process.pid)
            if found is not None:
                found.end()
        time.sleep(0.1)


def _accounts(paths: StatePaths) -> tuple[Account, ...]:
    """An ordinary user made none: those of a workshop of this name are another's, root's."""
    return accounts_of(paths.workshop) if running_as_root() else ()


def _own_what_is_left(paths: StatePaths) -> None:
    """Files of removed accounts and groups must not fall to whoever gets their number next."""
    if not running_as_root() or not paths.home.is_dir():
        return
    home = paths.home.stat()
    give(paths.home, Owner(home.st_uid, home.st_gid))


def _prove_empty(paths: StatePaths) -> None:
    """A second look, at the machine and not at what we did. No process, no open port."""
    accounts = [account.name for account in _accounts(paths)]
    processes = [f"process {each.pid}" for each in marked_processes(paths.home)]
    if accounts or processes:
        left = ", ".join([*accounts, *processes])
        raise StepFailed(f"These are left: {left}", next_step="run `workshop down` again")
