"""How robots spend a rehearsal: who stays, who shuts the laptop, who goes on elsewhere.

One process and one event loop for all of them: fifty robots cost a few seconds of CPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import websockets

from hub_config.grading_process import Progress
from hub_config.rehearsal.characters import RIGHT, answered
from hub_config.rehearsal.errors import RobotStuck
from hub_config.rehearsal.first_cell import FIRST_CELL, STILL_THERE, device_of
from hub_config.rehearsal.journey import Journey
from hub_config.rehearsal.kernel_channel import KernelChannel
from hub_config.rehearsal.robot import Robot

Manner = Literal["stays", "moves", "closes"]
#: A third shut the tab without logging out; half of those go on from another place.
_MANNERS: tuple[Manner, ...] = ("stays", "moves", "stays", "stays", "closes", "stays")
#: Whatever happens, no robot is there for longer.
LONGEST_SECONDS = 1800.0

LOGIN, SERVER, PAGE, FETCH = "login", "server", "lab page", "fetch"
CELL, BACK, SUBMIT, FEEDBACK = "first cell", "come back", "submit", "feedback"
#: In the order in which they happen.
STAGES = (LOGIN, SERVER, PAGE, FETCH, CELL, BACK, SUBMIT, FEEDBACK)


@dataclass(frozen=True)
class Guest:
    """A robot with its seat code. `arrives`: seconds after the doors open."""

    username: str
    code: str = field(repr=False)
    manner: Manner
    arrives: float = 0.0


@dataclass(frozen=True)
class Visit:
    """What all of them do. Without a lab nothing is handed in."""

    address: str
    course: str
    kernel: str
    certificate: Path | None = None
    lab: str = ""
    #: The lab's notebook with solutions, to answer from.
    source: Mapping[str, Any] = field(default_factory=dict)
    #: Whether submissions are graded as they come in.
    feedback: bool = False
    #: Awaited by everybody after the first cell: for whoever wants to look at a full house.
    pause: Callable[[], Awaitable[None]] | None = None

    @property
    def notebook(self) -> str:
        return f"{self.lab}/{self.lab}.ipynb" if self.lab else "rehearsal.ipynb"


def manner_of(number: int) -> Manner:
    """Of the robot with that number, from 0."""
    return _MANNERS[number % len(_MANNERS)]


async def everybody(
    visit: Visit, guests: Sequence[Guest], progress: Progress
) -> tuple[Journey, ...]:
    """All of them, each at its time, each to the end or to its problem."""
    done = 0

    async def one(guest: Guest) -> Journey:
        nonlocal done
        await asyncio.sleep(guest.arrives)
        journey = Journey(guest.username, story=guest.manner)
        await _attend(visit, guest, journey)
        done += 1
        progress("robots", done, len(guests), f"{guest.username}: {journey.problem or 'done'}")
        return journey

    progress("robots", 0, len(guests), "")
    return tuple(await asyncio.gather(*(one(guest) for guest in guests)))


async def _attend(visit: Visit, guest: Guest, journey: Journey) -> None:
    """One robot's trouble is its own: it is written down, the others go on."""
    desk = _Desk(visit, guest, journey)
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            await desk.work()
    except RobotStuck as error:
        journey.problem = str(error)
    except (httpx.HTTPError, websockets.WebSocketException, OSError, TimeoutError) as error:
        journey.problem = f"{type(error).__name__}: {error}".rstrip(": ")
    finally:
        await desk.leave()


class _Desk:
    """One guest at one browser; after `_move` at another one."""

    def __init__(self, visit: Visit, guest: Guest, journey: Journey) -> None:
        self._visit, self._guest, self._journey = visit, guest, journey
        self._channel: KernelChannel | None = None
        self._robot = self._new_robot()

    async def work(self) -> None:
        """The whole visit."""
        visit, step = self._visit, self._journey.step
        async with step(LOGIN):
            await self._robot.log_in()
        async with step(SERVER):
            await self._robot.get_server()
        async with step(PAGE):
            await self._robot.open_lab()
        if visit.lab:
            async with step(FETCH):
                await self._robot.fetch(visit.course, visit.lab)
        async with step(CELL):
            await self._first_cell()
        if visit.pause:
            await visit.pause()
        if self._guest.manner == "moves":
            await self._shut()
            async with step(BACK):
                await self._come_back()
        if visit.lab:
            async with step(SUBMIT):
                await self._hand_in()
        if visit.feedback and self._guest.manner != "closes":
            async with step(FEEDBACK):
                await self._robot.wait_for_feedback()
        if self._guest.manner == "stays":
            await self._robot.log_out()

    async def leave(self) -> None:
        """Whatever is still open, closed as a laptop that is shut closes it."""
        await self._shut()

    async def _first_cell(self) -> None:
        kernel = await self._robot.open_notebook(self._visit.notebook, self._visit.kernel)
        self._channel = await self._robot.connect(kernel)
        self._journey.device = device_of(await self._channel.run(FIRST_CELL))

    async def _come_back(self) -> None:
        """Another browser, the same code; the kernel still knows what it computed."""
        self._robot = self._new_robot()
        await self._robot.log_in()
        await self._robot.get_server()
        kernel = await self._robot.find_notebook(self._visit.notebook)
        self._channel = await self._robot.connect(kernel)
        if device_of(await self._channel.run(STILL_THERE)) != self._journey.device:
            raise RobotStuck("another kernel answers than the one that was left")

    async def _hand_in(self) -> None:
        visit = self._visit
        release = await self._robot.read_notebook(visit.notebook)
        notebook = answered(release, dict(visit.source), RIGHT)
        await self._robot.write_notebook(visit.notebook, notebook)
        await self._robot.submit(visit.course, visit.lab)

    async def _shut(self) -> None:
        if self._channel is not None:
            self._channel.drop()
            self._channel = None
        self._journey.server_errors += self._robot.server_errors
        self._robot.server_errors = 0
        await self._robot.close()

    def _new_robot(self) -> Robot:
        return Robot(self._visit.address, self._guest.code, self._visit.certificate)
