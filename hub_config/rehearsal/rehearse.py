"""`rehearse`: robots in seats of their own try the running hub, and leave nothing behind."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from hub_config.course_desk import CourseDesk
from hub_config.grading_process import Progress
from hub_config.hub_api import HubApi
from hub_config.people import Person
from hub_config.rehearsal.characters import RIGHT
from hub_config.rehearsal.journeys import Attendance, ClassOrder, class_at_work
from hub_config.rehearsal.stage import source_notebooks
from hub_config.rehearsal.verdict import StepTimes, problems, step_times
from hub_config.seats import add_seat, forget_seats, read_register
from hub_config.settings import HubSettings, Secrets
from hub_config.up import hub_api, open_seat
from hub_config.usernames import ROBOT
from provisioning.accounts import remove_account
from provisioning.errors import NotPossibleHere, StepFailed
from provisioning.paths import StatePaths


@dataclass(frozen=True)
class Rehearsal:
    """`problems` is empty when the hub is ready."""

    times: tuple[StepTimes, ...]
    problems: tuple[str, ...]


def try_out(desk: CourseDesk, seats: int, progress: Progress) -> Rehearsal:
    """Every robot logs in, works on all released labs and hands them in, all at once."""
    paths = desk.paths
    settings_file = paths.hub / "settings.json"
    if not settings_file.is_file():
        raise StepFailed(f"The workshop {paths.workshop} is not up", next_step="workshop up")
    settings = HubSettings.model_validate_json(settings_file.read_text())
    if settings.login is not None:
        raise NotPossibleHere(
            f"Robots log in by seat code, and this workshop uses {settings.login.class_name}",
            next_step="rehearse with `login: seat-code`, then change it back",
        )
    hub = hub_api(settings, Secrets.model_validate_json(settings.secrets_file.read_text()))
    if not hub.healthy():
        raise StepFailed("The hub does not answer", next_step="workshop up")
    names = [f"robot-{number:02d}" for number in range(1, seats + 1)]
    _forget(settings, paths, hub)
    try:
        people = [_seat_robot(name, settings, paths) for name in names]
        journeys = class_at_work(_order(desk, settings), people, progress)
    finally:
        _forget(settings, paths, hub)
    return Rehearsal(step_times(journeys), problems(journeys))


def _seat_robot(name: str, settings: HubSettings, paths: StatePaths) -> Attendance:
    issued = add_seat(settings.seats_file, Person(name, "", "attendee", name))
    open_seat(paths, name)
    return Attendance(name, str(issued.new_codes[0].code), RIGHT)


def _order(desk: CourseDesk, settings: HubSettings) -> ClassOrder:
    """The labs that attendees can fetch now, in the course's order; none is fine too."""
    released = desk.paths.exchange / "releases"
    labs = {
        lab["name"]: lab["environment"]
        for lab in desk.course["labs"]
        if (released / lab["name"]).is_dir()
    }
    return ClassOrder(
        address=settings.address,
        certificate=settings.certificate,
        course=settings.course,
        kernel=settings.seat.kernels[0],
        labs=labs,
        sources=source_notebooks(desk.paths, labs),
    )


def _forget(settings: HubSettings, paths: StatePaths, hub: HubApi) -> None:
    """Every robot there is, of this rehearsal or of one that was killed.

    The hub first: when a seat disappears it ends the server by itself, and would be busy
    with that while we ask.
    """
    register = read_register(settings.seats_file)
    names = [seat.username for seat in register.seats if ROBOT.fullmatch(seat.username)]
    for name in names:
        hub.delete_user(name)
    for name in names:
        if settings.seat.isolation == "accounts":
            remove_account(name, workshop=paths.workshop)
        shutil.rmtree(paths.homes / name, ignore_errors=True)
        for handed_in in (paths.exchange / "submissions").glob(f"*/{name}"):
            shutil.rmtree(handed_in)
    # Last: as long as it is in the register, the next rehearsal finds what is left of it.
    forget_seats(settings.seats_file, names)
