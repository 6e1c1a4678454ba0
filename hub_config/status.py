"""What is true now: programs, seats, submissions. Reading changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hub_config.hub_api import SeatServer
from hub_config.settings import HubSettings, Secrets
from hub_config.supervisor import ProgramState
from hub_config.up import hub_api, supervisor_of
from provisioning.paths import StatePaths


@dataclass(frozen=True)
class WorkshopStatus:
    workshop: str
    address: str | None
    up: bool
    programs: tuple[ProgramState, ...]
    seats: tuple[SeatServer, ...]
    #: assignment -> attendees who have submitted.
    submissions: dict[str, int]

    @property
    def holds_port(self) -> bool:
        """Our own proxy listens, or is about to, whether or not the hub behind it answers."""
        listens = {"STARTING", "RUNNING", "STOPPING"}
        return any(each.name == "proxy" and each.state in listens for each in self.programs)


def read_status(paths: StatePaths) -> WorkshopStatus:
    """Works for a workshop that never was, is up, is half up, or is down."""
    settings_file = paths.hub / "settings.json"
    submissions = _submissions(paths.exchange / "submissions")
    if not settings_file.is_file():
        return WorkshopStatus(paths.workshop, None, False, (), (), submissions)
    settings = HubSettings.model_validate_json(settings_file.read_text())
    secrets = Secrets.model_validate_json(settings.secrets_file.read_text())
    supervisor = supervisor_of(paths, settings)
    programs = supervisor.states() if supervisor.pid() is not None else ()
    hub = hub_api(settings, secrets)
    up = bool(programs) and hub.healthy()
    seats = hub.servers() if up else ()
    return WorkshopStatus(paths.workshop, settings.address, up, programs, seats, submissions)


def _submissions(folder: Path) -> dict[str, int]:
    if not folder.is_dir():
        return {}
    return {
        assignment.name: sum(any(attendee.iterdir()) for attendee in assignment.iterdir())
        for assignment in sorted(folder.iterdir())
        if assignment.is_dir()
    }
