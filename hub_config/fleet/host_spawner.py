"""Seats that a host's own service runs: on this host or, over its link, on another one.

The hub asks; the service starts, limits and ends. Runs in the hub's environment.
"""

from __future__ import annotations

import asyncio
import pwd
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from jupyterhub.spawner import SpawnException
from jupyterhub.utils import random_port
from traitlets import Any as AnyTrait

from hub_config.backup.asking import ask_for_copy
from hub_config.backup.at_start import ensure_home_there
from hub_config.backup.errors import CopyFailed
from hub_config.fleet.host_facts import is_lost
from hub_config.fleet.placement import agent_socket, hosts_file, placement_of
from hub_config.fleet.seat_map import HUB, Placement
from hub_config.seat_host.client import AsyncSeatHost
from hub_config.seat_host.protocol import SeatHostError, SeatOrder
from hub_config.settings import HubSettings
from hub_config.spawn_queue import SpawnQueue
from hub_config.spawner import LOOPBACK, SeatSpawner, shared_queue
from provisioning.accounts import account_name

#: A poll that takes longer is one without an answer.
POLL_SECONDS = 10.0
#: A link that is made anew takes two or three seconds.
AGAIN_SECONDS = 0.5

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class SeatAt:
    """A running seat: its host and port, its server's process there and when that began."""

    host: str
    port: int
    pid: int
    began: int


class HostSpawner(SeatSpawner):
    """A single-user server on the host that the seat map says."""

    hub_settings = AnyTrait(help="HubSettings: where maps and sockets are").tag(config=True)

    seat: SeatAt | None = None
    #: The host does not answer while somebody waits for it.
    host_is_silent = False

    # --- what the hub asks -------------------------------------------------------

    async def poll(self) -> int | None:
        """None while the seat runs. A host that does not answer says nothing about its seats:
        they run until the watch gives the host up."""
        if self.process is not None:  # started before this host had a service
            return await super().poll()
        if self.seat is None:
            return 0
        if self._has_moved():
            await self._stop_at(self.seat.host, now=True)
        elif self._is_lost(self.seat.host):
            self.log.warning("%s was lost with the seat of %s", self.seat.host, self.user.name)
        elif await self._is_alive():
            return None
        else:
            self.clear_state()
            return 0
        self.clear_state()
        return 1

    async def stop(self, now: bool = False) -> None:
        """End every process of the seat, wherever it runs or should run."""
        if self.process is not None:
            await super().stop(now)
            return
        host = self.seat.host if self.seat else self._placement().host
        await self._stop_at(host, now=now)
        if host != HUB:
            # A person who leaves finds at the next host what she had when she left.
            ask_for_copy(self._settings.state_home / "run", self.user.name)

    # --- state that survives the hub -----------------------------------------------

    def get_state(self) -> dict[str, Any]:
        state = super().get_state()
        return state | {"seat": asdict(self.seat)} if self.seat else state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        if "seat" in state:
            self.seat = SeatAt(**state["seat"])

    def clear_state(self) -> None:
        super().clear_state()
        self.seat = None

    # --- how a seat is started -----------------------------------------------------

    async def _start_and_answer(self) -> tuple[str, int]:
        place = self._placement()
        service = self._service(place.host)
        self.port = place.port
        # What an earlier hub may have left; a new server has a new token.
        await self._patiently(place.host, lambda: service.stop(self.user.name, now=True))
        await self._bring_home()
        order = self._order(place)
        started = await self._patiently(place.host, lambda: service.start(order))
        self.seat = SeatAt(place.host, place.port, started.pid, started.began)
        await self._answers(f"http://{LOOPBACK}:{place.port}{self.server.base_url}api")
        return LOOPBACK, place.port

    async def _bring_home(self) -> None:
        """On a machine that took a lost one's place the seat's work must be there first."""
        try:
            await asyncio.to_thread(ensure_home_there, self._settings, self.user.name)
        except CopyFailed as error:
            self.log.error("The home of %s could not be brought: %s", self.user.name, error)
            raise SpawnException(
                "Your work could not be brought to your host yet; it is safe. Try again in a "
                "minute, or tell the instructor.",
                reason="no-home",
            ) from error

    def _order(self, place: Placement) -> SeatOrder:
        environment = {name: str(value) for name, value in self.get_env().items()}
        if place.gpu is not None:
            environment["CUDA_VISIBLE_DEVICES"] = str(place.gpu)
        return SeatOrder(
            username=self.user.name,
            uid=place.uid,
            port=place.port,
            environment=environment,
            memory_bytes=self.memory_bytes,
            cpus=float(self.cpus),
            processes=self.processes,
            home=Path(self.homes, self.user.name),
            gpu=place.gpu,
        )

    def _placement(self) -> Placement:
        """Where the seat belongs. Accounts of the hub's own host have numbers of their own."""
        name = self.user.name
        place = placement_of(self._settings, name)
        if place is None and self._settings.seat_map is not None:
            raise SpawnException(
                "Your seat has no host yet. Please tell the instructor.", reason="no-place"
            )
        if place is None:
            port = self.seat.port if self.seat else random_port()
            return Placement(name, HUB, None, port, pwd.getpwnam(account_name(name)).pw_uid)
        if place.host == HUB:
            with suppress(KeyError):
                return replace(place, uid=pwd.getpwnam(account_name(name)).pw_uid)
        return place

    async def _patiently(self, host: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Until the host answers: its link may be on its way. Not for a host that was given up."""
        while True:
            try:
                answer = await ask()
            except SeatHostError as error:
                if error.kind != "silent":
                    raise
                if self._is_lost(host):
                    raise SpawnException(
                        "Your host does not answer any more. The instructor knows; your work is "
                        "kept, and your seat will be on another host soon.",
                        reason="lost-host",
                    ) from error
            else:
                self.host_is_silent = False
                return answer
            self.host_is_silent = True
            await asyncio.sleep(AGAIN_SECONDS)

    def _waiting_message(self) -> str:
        if self.host_is_silent:
            return "The host of your seat does not answer at the moment; it is asked again."
        return super()._waiting_message()

    async def _is_alive(self) -> bool:
        """Also true when the host does not answer: nobody says then that the seat has ended."""
        if self.seat is None:
            return False
        try:
            state = await self._service(self.seat.host, POLL_SECONDS).state(self.user.name)
        except SeatHostError as error:
            self.log.debug("Nothing is known of the seat of %s: %s", self.user.name, error)
            return True
        began = state.started and (state.started.pid, state.started.began)
        return state.running and began == (self.seat.pid, self.seat.began)

    async def _stop_at(self, host: str, *, now: bool) -> None:
        try:
            await self._service(host).stop(self.user.name, now=now)
        except SeatHostError as error:
            # It is stopped before the next start, or by the watch when its host is back.
            self.log.warning("The seat of %s was not ended: %s", self.user.name, error)

    async def _end(self) -> None:
        """After a start that failed."""
        if self.seat is not None:
            await self._stop_at(self.seat.host, now=True)

    def _is_lost(self, host: str) -> bool:
        """Whether the watch gave it up. This host is here; only its service can be away."""
        return host != HUB and is_lost(hosts_file(self._settings), host)

    def _has_moved(self) -> bool:
        place = placement_of(self._settings, self.user.name)
        return place is not None and self.seat is not None and place.host != self.seat.host

    def _queue(self) -> SpawnQueue:
        place = placement_of(self._settings, self.user.name)
        return shared_queue(self.slots, place.host if place else "")

    def _service(self, host: str, seconds: float | None = None) -> AsyncSeatHost:
        path = agent_socket(self._settings, host)
        return AsyncSeatHost(path) if seconds is None else AsyncSeatHost(path, seconds)

    @property
    def _settings(self) -> HubSettings:
        settings: HubSettings = self.hub_settings
        return settings
