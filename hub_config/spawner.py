"""Seats on this machine: one jailed server per seat, limited, started in turn, re-adopted.

Runs in the hub's environment.
"""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from jupyterhub.spawner import LocalProcessSpawner
from jupyterhub.utils import exponential_backoff, wait_for_http_server
from traitlets import Float, Integer, List, Unicode, Union

from hub_config.seat_jail import SeatView, seat_jail
from hub_config.seat_process import SeatProcess
from hub_config.spawn_queue import SpawnQueue
from provisioning.limits import Cell, SeatLimits, choose_limits

#: How long a server may take once its turn has come.
START_SECONDS = 120
#: How long a person may wait in the queue: 300 seats on two slow cores.
QUEUE_SECONDS = 3600
GRACE_SECONDS = 5
LOOPBACK = "127.0.0.1"

#: One queue per host and hub process; the hub is one process.
_queues: dict[tuple[str, int], SpawnQueue] = {}


def shared_queue(slots: int, host: str = "") -> SpawnQueue:
    """The queue that all spawners of a host's seats share; "" is the hub's own host."""
    return _queues.setdefault((host, slots), SpawnQueue(slots))


class SeatSpawner(LocalProcessSpawner):
    """A single-user server in its own jail, under its own account when the hub is root."""

    workshop = Unicode(help="Name of the workshop: host name in the jail").tag(config=True)
    isolation = Unicode("jail", help="'accounts' as root, 'jail' otherwise").tag(config=True)
    homes = Unicode(help="Folder of the seats' homes").tag(config=True)
    read_only = List(Unicode(), help="What a seat may read besides the system").tag(config=True)
    jupyter_path = List(Unicode(), help="Where kernels are found").tag(config=True)
    config_folder = Unicode(help="Jupyter configuration of a seat").tag(config=True)
    exchange_url = Unicode(help="Where submissions go").tag(config=True)
    processes = Integer(512, help="Most processes and threads of a seat").tag(config=True)
    slots = Integer(4, help="Seats that start at the same time").tag(config=True)
    # Read by the limits below; the hub's own traits only pass them on as hints.
    memory_bytes = Integer(help="Memory of a seat").tag(config=True)
    cpus = Union([Float(), Integer()], help="Cores of a seat").tag(config=True)

    process: SeatProcess | None = None

    # --- what the hub asks -------------------------------------------------------

    async def start(self) -> tuple[str, int]:
        """Wait for a turn, start, and keep the turn until the server answers."""
        async with self._queue().slot(self.user.name):
            self.starting = True
            try:
                return await asyncio.wait_for(self._start_and_answer(), START_SECONDS)
            except BaseException:
                await self._end()
                raise
            finally:
                self.starting = False

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """What the waiting page says, once a second."""
        said = ""
        while True:
            message = self._waiting_message()
            if message != said:
                said = message
                place = self._queue().place(self.user.name)
                yield {"progress": 60 if place == 0 else max(5, 50 - place), "message": message}
            await asyncio.sleep(1)

    async def poll(self) -> int | None:
        """None while the seat runs. Also true for a seat that another hub started."""
        if self.proc is not None:
            self.proc.poll()  # collects a zombie
        if self.process is None:
            return 0
        if self.process.alive():
            return None
        self.process.end()  # what the seat left behind
        self.clear_state()
        return 0 if self.proc is None or self.proc.returncode is None else self.proc.returncode

    async def stop(self, now: bool = False) -> None:
        """Ask, wait a little, then end every process of the seat."""
        if self.process is not None and not now:
            self.process.ask_to_end()
            await self._wait_until_dead(GRACE_SECONDS)
        await self._end()

    # --- state that survives the hub -----------------------------------------------

    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()
        if self.process is not None:
            state |= {"pid": self.process.pid, "started": self.process.started}
            if first := self.process.first:
                state["first"] = {"pid": first.pid, "started": first.started}
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        if "pid" in state and "started" in state:
            first = SeatProcess(**state["first"]) if "first" in state else None
            self.process = SeatProcess(state["pid"], state["started"], first)

    def clear_state(self) -> None:
        super().clear_state()
        self.process = None

    # --- how a seat is started -----------------------------------------------------

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """The environment inside the jail. Tokens travel here, never in argv."""
        name = self.user.name
        # A folder of its own in the private /tmp: short enough for socket paths.
        runtime = "/tmp/jupyter"  # noqa: S108 - the jail's own /tmp
        env |= {
            "USER": name,
            "LOGNAME": name,
            "HOME": self._view().home_inside,
            "SHELL": "/bin/bash",
            "JUPYTER_PATH": os.pathsep.join(self.jupyter_path),
            "JUPYTER_CONFIG_PATH": self.config_folder,
            "JUPYTER_RUNTIME_DIR": runtime,
            "WORKSHOP_EXCHANGE_URL": self.exchange_url,
            # `down` finds what it has to end by this.
            "WORKSHOP_STATE_HOME": os.environ["WORKSHOP_STATE_HOME"],
        }
        return env

    def make_preexec_fn(self, name: str) -> Callable[[], None]:
        """Runs in the child: first its limits, then (as root) its account."""
        cell = self._cell()
        account = pwd.getpwnam(f"ws-{name}") if self.isolation == "accounts" else None

        def enter() -> None:
            cell.enter()
            if account is not None:
                os.setgroups([])
                os.setgid(account.pw_gid)
                os.setuid(account.pw_uid)
            os.umask(0o077)

        return enter

    def _view(self) -> SeatView:
        name = self.user.name
        return SeatView(
            workshop=self.workshop,
            username=name,
            home=Path(self.homes, name),
            read_only=tuple(Path(path) for path in self.read_only),
        )

    def _cell(self) -> Cell:
        """Where the seat's processes are limited; made on the first call, then found again."""
        limits = SeatLimits(self.memory_bytes, float(self.cpus), self.processes)
        return choose_limits(self.workshop).prepare(self.user.name, limits)

    async def _start_and_answer(self) -> tuple[str, int]:
        # What a seat that broke down left behind would use up the next one's share.
        await asyncio.to_thread(self._cell().remove)
        server = list(self.cmd)  # type: ignore[has-type] # a trait
        self.cmd = [*seat_jail(self._view()), *self._cell().inner_command, *server]
        try:
            ip, port = await super().start()
        finally:
            self.cmd = server
        self.process = SeatProcess.of(self.pid)
        # The turn lasts until the server answers: that is the part that costs CPU.
        url = f"http://{ip}:{port}{self.server.base_url}api"
        await self._answers(url)
        # By now the jail stands.
        self.process = SeatProcess.of(self.pid)
        return ip, port

    async def _answers(self, url: str) -> None:
        answering = asyncio.ensure_future(wait_for_http_server(url, timeout=START_SECONDS))
        try:
            while not answering.done():
                await asyncio.wait({answering}, timeout=0.5)
                if not await self._is_alive():
                    raise RuntimeError("the seat's server ended while it was starting")
            answering.result()
        finally:
            answering.cancel()

    async def _is_alive(self) -> bool:
        return self.process is not None and self.process.alive()

    async def _end(self) -> None:
        if self.process is not None:
            self.process.end()
            await self._wait_until_dead(GRACE_SECONDS)
        self._cell().remove()
        if self.proc is not None:
            self.proc.poll()

    async def _wait_until_dead(self, seconds: float) -> None:
        async def dead() -> bool:
            return await self.poll() is not None

        try:
            await exponential_backoff(dead, "still alive", start_wait=0.05, timeout=seconds)
        except TimeoutError:
            self.log.warning("Seat %s did not end within %s s", self.user.name, seconds)

    def _queue(self) -> SpawnQueue:
        return shared_queue(self.slots)

    def _waiting_message(self) -> str:
        place = self._queue().place(self.user.name)
        if place == 0:
            return "Your server is starting. This takes a few seconds."
        seconds = max(5, round(self._queue().seconds_to_start(place) / 5) * 5)
        return f"You are number {place} in the queue: about {seconds} seconds."
