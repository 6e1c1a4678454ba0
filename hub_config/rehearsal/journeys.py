"""A class of robots: everybody works at the same time, each to the end or to its problem."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import websockets

from hub_config.grading_process import Progress
from hub_config.rehearsal.characters import Character, answered
from hub_config.rehearsal.errors import RobotStuck
from hub_config.rehearsal.first_cell import FIRST_CELL, device_of
from hub_config.rehearsal.journey import Journey
from hub_config.rehearsal.robot import Robot

SECONDS_PER_ROBOT = 900


@dataclass(frozen=True)
class Attendance:
    """Who comes, with which seat code, and how they answer."""

    username: str
    code: str
    character: Character


@dataclass(frozen=True)
class ClassOrder:
    """What the robots find: the hub's address and the labs, with their sources for answers."""

    address: str
    course: str
    #: What the first cell runs on.
    kernel: str
    #: lab -> kernel.
    labs: Mapping[str, str]
    #: lab -> source notebook, with solutions.
    sources: Mapping[str, Mapping[str, Any]]
    #: One to believe besides the public authorities, such as the hub's own.
    certificate: Path | None = None


def class_at_work(
    order: ClassOrder, people: Sequence[Attendance], progress: Progress
) -> tuple[Journey, ...]:
    """Log in, get a server, run a cell, fetch, answer and submit every lab."""
    return asyncio.run(_everybody("robots", _work, order, people, progress))


def class_reads_feedback(
    order: ClassOrder, people: Sequence[Attendance], progress: Progress
) -> tuple[Journey, ...]:
    """From another browser: log in again and fetch the feedback of every lab."""
    return asyncio.run(_everybody("feedback", _read_feedback, order, people, progress))


Act = Callable[[Robot, Attendance, ClassOrder, Journey], Awaitable[None]]


async def _everybody(
    stage: str, act: Act, order: ClassOrder, people: Sequence[Attendance], progress: Progress
) -> tuple[Journey, ...]:
    done = 0

    async def one(person: Attendance) -> Journey:
        nonlocal done
        journey = await _one(act, order, person)
        done += 1
        progress(stage, done, len(people), f"{person.username}: {journey.problem or 'done'}")
        return journey

    progress(stage, 0, len(people), "")
    return tuple(await asyncio.gather(*(one(person) for person in people)))


async def _one(act: Act, order: ClassOrder, person: Attendance) -> Journey:
    """One robot's trouble is its own: it is written down, the others go on."""
    journey = Journey(person.username)
    robot = Robot(order.address, person.code, order.certificate)
    try:
        async with asyncio.timeout(SECONDS_PER_ROBOT):
            async with journey.step("login"):
                await robot.log_in()
            await act(robot, person, order, journey)
    except RobotStuck as error:
        journey.problem = str(error)
    except (httpx.HTTPError, websockets.WebSocketException, OSError, TimeoutError) as error:
        journey.problem = f"{type(error).__name__}: {error}"
    finally:
        await robot.close()
    return journey


async def _work(robot: Robot, person: Attendance, order: ClassOrder, journey: Journey) -> None:
    async with journey.step("server"):
        await robot.get_server()
        await robot.open_lab()
    async with journey.step("first cell"):
        device_of(await robot.run_cell(order.kernel, FIRST_CELL))
    for lab in order.labs:
        path = f"{lab}/{lab}.ipynb"
        async with journey.step(f"{lab}: fetch"):
            await robot.fetch(order.course, lab)
        async with journey.step(f"{lab}: answer"):
            release = await robot.read_notebook(path)
            notebook = answered(release, dict(order.sources[lab]), person.character)
            await robot.write_notebook(path, notebook)
        async with journey.step(f"{lab}: submit"):
            await robot.submit(order.course, lab)


async def _read_feedback(
    robot: Robot, person: Attendance, order: ClassOrder, journey: Journey
) -> None:
    async with journey.step("server"):
        await robot.get_server()
    for lab in order.labs:
        async with journey.step(f"{lab}: feedback"):
            if not await robot.fetch_feedback(order.course, lab):
                raise RobotStuck(f"no feedback for {lab}")
