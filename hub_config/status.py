"""What is true now: programs, seats, submissions. Reading changes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from hub_config.grading_hosts.at_work import GradingHost, grading_hosts
from hub_config.hub_api import HubApi, SeatServer
from hub_config.settings import HubSettings, Secrets
from hub_config.supervisor import ProgramState
from hub_config.up import hub_api, supervisor_of
from provisioning.errors import StepFailed
from provisioning.paths import StatePaths


@dataclass(frozen=True)
class GradingNow:
    """What the program that grades submissions as they come in says of itself."""

    now: int = 0
    waiting: int = 0
    assistant: int = 0
    #: Labs that can't be graded, and why.
    held: tuple[tuple[str, str], ...] = ()
    #: Lab, attendee and reason of what could not be graded and is tried again.
    failed: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class WorkshopStatus:
    workshop: str
    address: str | None
    up: bool
    programs: tuple[ProgramState, ...]
    seats: tuple[SeatServer, ...]
    #: assignment -> attendees who have submitted.
    submissions: dict[str, int]
    #: None when nothing is graded by itself.
    grading: GradingNow | None = None
    #: With `grading: {workers: hosts}`.
    grading_hosts: tuple[GradingHost, ...] = ()

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
    seats = _servers(hub) if programs and hub.healthy() else None
    graded_by_itself = any(each.name == "grader" and each.running for each in programs)
    grading = read_grading(paths.course) if graded_by_itself else None
    return WorkshopStatus(
        paths.workshop,
        settings.address,
        seats is not None,
        programs,
        seats or (),
        submissions,
        grading,
        grading_hosts(settings) if programs else (),
    )


def _servers(hub: HubApi) -> tuple[SeatServer, ...] | None:
    """None when the hub runs, but its database doesn't answer: nobody can come in then."""
    try:
        return hub.servers()
    except StepFailed:
        return None


def read_grading(course: Path) -> GradingNow:
    """The grader's record; see grader/rounds.py."""
    try:
        told = json.loads((course / "records" / "standing.json").read_text())
    except (FileNotFoundError, ValueError):
        return GradingNow()
    return GradingNow(
        now=len(told["now"]),
        waiting=len(told["waiting"]),
        assistant=len(told["assistant"]),
        held=tuple((lab, reason) for lab, reason in told["held"]),
        failed=tuple((lab, attendee, reason) for lab, attendee, reason in told["failed"]),
    )


def _submissions(folder: Path) -> dict[str, int]:
    if not folder.is_dir():
        return {}
    return {
        assignment.name: sum(any(attendee.iterdir()) for attendee in assignment.iterdir())
        for assignment in sorted(folder.iterdir())
        if assignment.is_dir()
    }
