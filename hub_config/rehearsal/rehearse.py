"""`rehearse`: robots in seats of their own try the running workshop, and leave nothing behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import psutil

from hub_config.course_desk import CourseDesk
from hub_config.grading_process import Progress
from hub_config.hub_api import HubApi
from hub_config.hub_host.own_address import ensure_own_address
from hub_config.rehearsal.advice import advice
from hub_config.rehearsal.journey import Journey
from hub_config.rehearsal.load import Load, LoadMeter
from hub_config.rehearsal.outcome import (
    Outcome,
    RobotsCost,
    Setting,
    slowest,
    stage_times,
    to_first_cell,
)
from hub_config.rehearsal.robot_seats import RobotSeats
from hub_config.rehearsal.stage import source_notebooks
from hub_config.rehearsal.troubles import troubles
from hub_config.rehearsal.visits import Guest, Visit, everybody, manner_of
from hub_config.seats import IssuedCode
from hub_config.settings import HubSettings, Secrets
from hub_config.starting_servers import start_servers
from hub_config.supervisor import Supervisor
from hub_config.up import hub_api, supervisor_of
from provisioning.errors import BadInput, NotPossibleHere, Place, StepFailed

MOST_ROBOTS = 300
_PROGRAMS = ("hub", "proxy", "exchange", "grader", "wall", "wall-facts", "watch", "seats")
_MEGABYTE = 1e6


@dataclass(frozen=True)
class RehearsalOrder:
    """What the instructor asks for. Seconds everywhere; `begins`: None for at once."""

    seats: int
    begins: datetime | None = None
    over: float = 0.0
    lab: str = ""
    start_seats: bool = False
    patience: float = 120.0


@dataclass(frozen=True)
class _Plan:
    """An order in a running workshop, and what each robot does in it."""

    desk: CourseDesk
    settings: HubSettings
    order: RehearsalOrder
    visit: Visit


@dataclass(frozen=True)
class Rehearsed:
    """The outcome, and every robot's way for the picture of it."""

    outcome: Outcome
    journeys: tuple[Journey, ...]


def try_out(
    desk: CourseDesk,
    order: RehearsalOrder,
    progress: Progress,
    sleep: Callable[[float], None] = time.sleep,
) -> Rehearsed:
    """Robots come, work and go. Whatever happens, nothing of them stays."""
    settings = running_workshop(desk)
    if settings.as_unit:  # the hub host may have been restarted since `up`
        ensure_own_address(urlsplit(settings.address).hostname or "")
    hub = _hub(settings)
    plan = _Plan(desk, settings, order, visit_of(desk, settings, order))
    seats = RobotSeats(desk, settings, hub, progress)
    with seats.open(order.seats) as codes:
        if order.start_seats:
            start_servers(hub, [each.seat.username for each in codes], progress, sleep)
        if order.begins is not None:
            _wait_until(order.begins, progress, sleep)
        rehearsed = _rehearse(plan, guests_of(codes, order), progress)
    return replace(rehearsed, outcome=replace(rehearsed.outcome, left=seats.left_behind()))


def clean_up(desk: CourseDesk, progress: Progress) -> int:
    """Remove what a killed rehearsal left; how many robots there were."""
    settings = running_workshop(desk)
    return RobotSeats(desk, settings, _hub(settings), progress).clean_up()


def running_workshop(desk: CourseDesk) -> HubSettings:
    """Its settings. StepFailed when it isn't up; NotPossibleHere when robots can't log in."""
    settings_file = desk.paths.hub / "settings.json"
    if not settings_file.is_file():
        raise StepFailed(f"The workshop {desk.paths.workshop} is not up", next_step="workshop up")
    settings = HubSettings.model_validate_json(settings_file.read_text())
    if settings.login is not None:
        raise NotPossibleHere(
            f"Robots log in by seat code, and this workshop uses {settings.login.class_name}",
            next_step="rehearse with `login: seat-code`, then change it back",
        )
    if not _hub(settings).healthy():
        raise StepFailed("The hub does not answer", next_step="workshop up")
    return settings


def _hub(settings: HubSettings) -> HubApi:
    return hub_api(settings, Secrets.model_validate_json(settings.secrets_file.read_text()))


def guests_of(codes: Sequence[IssuedCode], order: RehearsalOrder) -> tuple[Guest, ...]:
    """A robot for each code, arriving when the order says."""
    return tuple(
        Guest(
            username=each.seat.username,
            code=str(each.code),
            manner=manner_of(number),
            arrives=order.over * number / order.seats,
        )
        for number, each in enumerate(codes)
    )


def visit_of(
    desk: CourseDesk,
    settings: HubSettings,
    order: RehearsalOrder,
    pause: Callable[[], Awaitable[None]] | None = None,
) -> Visit:
    """With the lab asked for, or the first that attendees can fetch now; none is fine too."""
    released = desk.paths.exchange / "releases"
    labs = {
        lab["name"]: lab["environment"]
        for lab in desk.course["labs"]
        if (released / lab["name"]).is_dir()
    }
    if order.lab and order.lab not in labs:
        known = ", ".join(labs) or "none yet: workshop release"
        place = Place(desk.coursework / "course.yaml")
        raise BadInput(place, f"the lab {order.lab!r} is not released", f"one of: {known}")
    lab = order.lab or next(iter(labs), "")
    return Visit(
        address=settings.address,
        certificate=settings.certificate,
        course=settings.course,
        kernel=labs[lab] if lab else settings.seat.kernels[0],
        lab=lab,
        source=source_notebooks(desk.paths, [lab])[lab] if lab else {},
        feedback=bool(lab) and settings.grade_on_submit,
        pause=pause,
    )


def _wait_until(begins: datetime, progress: Progress, sleep: Callable[[float], None]) -> None:
    total = max(1, round((begins - datetime.now(UTC)).total_seconds()))
    while (left := (begins - datetime.now(UTC)).total_seconds()) > 0:
        progress("waiting", total - round(left), total, f"until {begins.astimezone():%H:%M}")
        sleep(min(left, 5.0))


def _rehearse(plan: _Plan, guests: Sequence[Guest], progress: Progress) -> Rehearsed:
    supervisor = supervisor_of(plan.desk.paths, plan.settings)
    meter = LoadMeter(lambda: processes_of(supervisor))
    began, started, used = datetime.now(UTC), time.monotonic(), time.process_time()

    async def measured() -> tuple[Journey, ...]:
        async with meter.measuring():
            return await everybody(plan.visit, guests, progress)

    journeys = asyncio.run(measured())
    seconds = time.monotonic() - started
    robots = _cost(time.process_time() - used, seconds)
    outcome = _outcome(_setting(plan, began), journeys, seconds, meter.read(), robots)
    return Rehearsed(outcome, journeys)


def _setting(plan: _Plan, began: datetime) -> Setting:
    order, settings = plan.order, plan.settings
    return Setting(
        workshop=settings.workshop,
        address=settings.address,
        began=began,
        seats=order.seats,
        over=order.over,
        started_before=order.start_seats,
        lab=plan.visit.lab,
        patience=order.patience,
    )


def _outcome(
    setting: Setting,
    journeys: tuple[Journey, ...],
    seconds: float,
    load: Load,
    robots: RobotsCost,
) -> Outcome:
    stages = stage_times(journeys)
    devices = [each.device for each in journeys if each.device]
    found = Outcome(
        setting=setting,
        seconds=seconds,
        stages=stages,
        to_first_cell=to_first_cell(journeys),
        slowest_stage=slowest(stages),
        troubles=troubles(journeys),
        server_errors=sum(each.server_errors for each in journeys),
        devices=tuple((name, devices.count(name)) for name in sorted(set(devices))),
        load=load,
        robots=robots,
    )
    return replace(found, advice=advice(found))


def _cost(cpu_seconds: float, seconds: float) -> RobotsCost:
    memory = psutil.Process().memory_full_info().pss / _MEGABYTE
    return RobotsCost(cpu_seconds, cpu_seconds / seconds, memory)


def processes_of(supervisor: Supervisor) -> Mapping[str, psutil.Process]:
    """Those of ours that every attendee's way goes through."""
    found = {}
    for state in supervisor.states():
        if state.name in _PROGRAMS and state.pid is not None:
            found[state.name] = psutil.Process(state.pid)
    return found
