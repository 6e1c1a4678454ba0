"""The watch: asks every host how it is, says so in one file, has a dead host's seats moved, and
starts a service anew that is silent on a host which is not.

A program beside the hub:  python -m hub_config.fleet.watch <hub folder>/settings.json

It keeps nothing to itself: killed at any moment, the next one goes on from the file.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub_config.fleet.host_facts import FleetFacts, HostFacts, State, read_facts, write_facts
from hub_config.fleet.placement import agent_socket, hosts_file, read_seat_map
from hub_config.fleet.seat_map import HUB, SeatMap
from hub_config.fleet.silence import Quiet, is_reached, judge, restart_service
from hub_config.seat_host.client import AsyncSeatHost
from hub_config.seat_host.protocol import SeatHostError
from hub_config.settings import HubSettings
from provisioning.errors import WorkshopError

EVERY_SECONDS = 5.0
#: An answer that takes longer counts as none.
ANSWER_SECONDS = 4.0
#: After a move or a restart that did not help, before it is tried again.
AGAIN_SECONDS = 30.0
#: What is said of a host whose service is silent.
MENDING = "the host answers, its service for seats does not: that is started anew; its seats go on"

#: Moves the seats of a dead host to a spare: (settings, dead, spare). Raises WorkshopError.
Move = Callable[[HubSettings, str, str], None]
#: Whether a host answers at all: (settings, host).
Reach = Callable[[HubSettings, str], Coroutine[None, None, bool]]
#: Starts a host's service for seats anew: (settings, host). Raises WorkshopError.
Restart = Callable[[HubSettings, str], None]


@dataclass(frozen=True)
class Means:
    """What the watch can do besides asking."""

    move: Move
    reach: Reach = is_reached
    restart: Restart = restart_service


def free_spare(facts: FleetFacts) -> str | None:
    """A spare that is well and has no seats."""
    free = (each for each in facts.hosts if each.spare and each.state == "well" and not each.seats)
    return next((each.name for each in free), None)


class Watch:
    """One round after the other. What it can do, and the clock, are passed in."""

    def __init__(
        self, settings_file: Path, means: Means, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings_file = settings_file
        self._means = means
        self._clock = clock
        self._begun = clock()
        #: When the service of a host answered, and when the host did in any way.
        self._answered: dict[str, float] = {}
        self._reached: dict[str, float] = {}
        self._mending: dict[str, asyncio.Task[None]] = {}
        self._moving: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._problems: dict[str, str] = {}

    async def round(self) -> FleetFacts:
        """Ask everybody at once, write what is known, and begin what has to be done."""
        settings = HubSettings.model_validate_json(self._settings_file.read_text())
        seats = read_seat_map(settings.seat_map) if settings.seat_map else SeatMap()
        before = read_facts(hosts_file(settings))
        spares = {each.name: each.spare for each in watched(settings)}
        asked = (self._ask(settings, name, before) for name in spares)
        answers = await asyncio.gather(*asked)
        hosts = [
            replace(
                self._seen(name, health, before, _seated(settings, seats, name)),
                spare=spares[name],
            )
            for name, health in zip(spares, answers, strict=True)
        ]
        found = FleetFacts(datetime.now(UTC), tuple(hosts))
        write_facts(hosts_file(settings), found)
        for host in found.hosts:
            known = before.of(host.name) if before else None
            if host.state == "well" and known and known.state in ("dead", "replaced"):
                await _end_strangers(settings, host)
            if host.state == "no service":
                self._mend(settings, host.name)
        self._replace_one(settings, found)
        return found

    async def _ask(
        self, settings: HubSettings, name: str, before: FleetFacts | None
    ) -> dict[str, Any] | None:
        """What the service says of its host; of one that was silent, whether it can be reached."""
        known = before.of(name) if before else None
        if known is None or known.state not in ("silent", "no service"):
            return await _health(settings, name)
        reach = asyncio.create_task(self._means.reach(settings, name))
        health = await _health(settings, name)
        if await reach:
            self._reached[name] = self._clock()
        return health

    def _seen(
        self,
        name: str,
        health: dict[str, Any] | None,
        before: FleetFacts | None,
        seats: tuple[str, ...],
    ) -> HostFacts:
        now = datetime.now(UTC)
        known = before.of(name) if before else None
        quiet = self._heard(name) if health is not None else self._quiet(name, before)
        spare = name != HUB and before is not None and free_spare(before) is not None
        state = judge(quiet, known.state if known else "silent", spare=spare)
        replaced_by = known.replaced_by if known and state in ("dead", "replaced") else ""
        if replaced_by and not seats:
            state = "replaced"
        return HostFacts(
            name=name,
            state=state,
            since=known.since if known and known.state == state else now,
            seats=seats,
            answered=now if health is not None else (known.answered if known else None),
            health=health or (known.health if known else None),
            replaced_by=replaced_by,
            problem=self._problem(name, state),
        )

    def _heard(self, name: str) -> Quiet:
        """Its service has just answered: whatever was wrong with it is over."""
        self._answered[name] = self._reached[name] = self._clock()
        self._problems.pop(name, None)
        return Quiet(None)

    def _quiet(self, name: str, before: FleetFacts | None) -> Quiet:
        if name not in self._answered:
            self._answered[name] = self._begun - _quiet_before(before, name)
        answered, clock = self._answered[name], self._clock()
        heard = max(answered, self._reached.get(name, answered))
        return Quiet(clock - answered, clock - heard)

    def _problem(self, name: str, state: State) -> str:
        match state:
            case "dead" | "replaced":
                return self._problems.get(name, "")
            case "no service":
                return self._problems.get(name, MENDING)
        return ""

    def _mend(self, settings: HubSettings, name: str) -> None:
        """Begin to start a host's service anew, if nobody is at it or was a moment ago."""
        if name not in self._mending or self._mending[name].done():
            self._mending[name] = asyncio.create_task(self._restart(settings, name))

    async def _restart(self, settings: HubSettings, name: str) -> None:
        try:
            await asyncio.to_thread(self._means.restart, settings, name)
        except Exception as error:
            # As with a move: it is said, and tried again.
            self._problems[name] = f"its service for seats can't be started anew: {_said(error)}"
        await asyncio.sleep(AGAIN_SECONDS)

    def _replace_one(self, settings: HubSettings, facts: FleetFacts) -> None:
        """Begin to move one dead host's seats, if there is where to; one host at a time."""
        if (self._moving and not self._moving.done()) or self._clock() < self._not_before:
            return
        dead = (each.name for each in facts.hosts if each.state == "dead" and each.seats)
        lost = next((name for name in dead if name != HUB), None)
        spare = free_spare(facts)
        if lost and spare:
            # Written first: a watch that is killed once they have gone leaves behind where to.
            write_facts(hosts_file(settings), _leading(facts, lost, spare))
            self._moving = asyncio.create_task(self._replace(settings, lost, spare))

    async def _replace(self, settings: HubSettings, dead: str, spare: str) -> None:
        try:
            await asyncio.to_thread(self._means.move, settings, dead, spare)
        except Exception as error:
            # Whatever it was: it is said, the watch goes on, and it is tried again.
            self._problems[dead] = _said(error)
            self._not_before = self._clock() + AGAIN_SECONDS
        else:
            self._problems.pop(dead, None)


def _leading(facts: FleetFacts, dead: str, spare: str) -> FleetFacts:
    """The same, with where the seats of a dead host go."""
    led = (replace(each, replaced_by=spare) if each.name == dead else each for each in facts.hosts)
    return replace(facts, hosts=tuple(led))


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, WorkshopError) else f"{type(error).__name__}: {error}"


@dataclass(frozen=True)
class Watched:
    name: str
    spare: bool = False


def watched(settings: HubSettings) -> tuple[Watched, ...]:
    """Every host that runs seats; the hub's own too, if a service runs them there."""
    own = (Watched(HUB),) if settings.seats_socket else ()
    others = (Watched(each.name, each.spare) for each in settings.seat_hosts if each.role == "gpu")
    return (*own, *others)


def _quiet_before(before: FleetFacts | None, name: str) -> float:
    """For how many seconds the host had been quiet when the last watch wrote for the last time.

    While no watch ran, nobody asked: that time says nothing about the host.
    """
    known = before.of(name) if before else None
    if before is None or known is None or known.answered is None:
        return 0.0
    return max(0.0, (before.at - known.answered).total_seconds())


def _seated(settings: HubSettings, seats: SeatMap, host: str) -> tuple[str, ...]:
    if settings.seat_map is None:
        return (*settings.attendees, *settings.assistants, *settings.instructors)
    return tuple(each.username for each in seats.on(host))


async def _health(settings: HubSettings, host: str) -> dict[str, Any] | None:
    try:
        return asdict(await AsyncSeatHost(agent_socket(settings, host), ANSWER_SECONDS).health())
    except SeatHostError:
        return None


async def _end_strangers(settings: HubSettings, host: HostFacts) -> None:
    """A host that was given up and is back may run seats that are elsewhere by now."""
    service = AsyncSeatHost(agent_socket(settings, host.name))
    with suppress(SeatHostError):
        for seat in await service.list():
            if seat.username not in host.seats:
                await service.stop(seat.username, now=True)


async def watch_on(watch: Watch) -> None:
    """A round every few seconds, until the process ends."""
    while True:
        started = time.monotonic()
        await watch.round()
        await asyncio.sleep(max(0.0, EVERY_SECONDS - (time.monotonic() - started)))


def move_to_spare(settings: HubSettings, dead: str, spare: str) -> None:
    """Restore the homes on the spare, then lead everybody there."""
    # Only a watch that moves seats needs what reads archives and speaks to the hub.
    from hub_config.fleet.hub_side import hub_side
    from hub_config.fleet.moving import copy_what_can_be_reached, move_host

    if asyncio.run(is_reached(settings, dead)):
        copy_what_can_be_reached(settings, dead)
    move_host(hub_side(settings), settings, dead, spare)


if __name__ == "__main__":
    asyncio.run(watch_on(Watch(Path(sys.argv[1]), Means(move_to_spare))))
