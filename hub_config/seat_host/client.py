"""How the hub speaks to a seat host: blocking (`SeatHost`) and in an event loop (`AsyncSeatHost`).

`path` is the socket of the host's service: /run/workshop/seats.sock on the host itself,
run/links/HOST.sock in the hub's state folder for one that is reached over its link.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub_config.seat_host.protocol import (
    LONGEST_LINE,
    Health,
    HomeSize,
    SeatHostError,
    SeatOrder,
    SeatState,
    Started,
    answer,
    read_noun,
    request_line,
)

#: A plain start has come as far as its jail by then; a warm one takes a tenth of a second.
ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class SeatHost:
    """Every verb raises SeatHostError: kind "silent" when nobody answers in time."""

    path: Path
    seconds: float = ANSWER_SECONDS

    def start(self, order: SeatOrder) -> Started:
        """Start the seat's server, or return the one that runs. It doesn't answer HTTP yet."""
        return _started(self._ask("start", order=order))

    def stop(self, username: str, *, now: bool = False) -> None:
        """End every process of the seat; unless `now`, its kernels get a moment to end."""
        self._ask("stop", username=username, now=now)

    def state(self, username: str) -> SeatState:
        """One seat; `running` is False for one that the host doesn't know."""
        return _state(self._ask("state", username=username))

    def list(self) -> tuple[SeatState, ...]:
        """Every seat that runs here."""
        return _states(self._ask("list"))

    def health(self) -> Health:
        return _health(self._ask("health"))

    def home(self, username: str) -> HomeSize:
        return _home(self._ask("home", username=username))

    def forget(self, username: str) -> None:
        """End a robot's seat and remove its home; refused for anybody else's."""
        self._ask("forget", username=username)

    def _ask(self, verb: str, **arguments: object) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.settimeout(self.seconds)
                link.connect(str(self.path))
                link.sendall(request_line(verb, **arguments))
                with link.makefile("rb") as stream:
                    received = stream.readline(LONGEST_LINE)
        except OSError as error:
            raise silent(self.path, error) from error
        if not received:
            raise silent(self.path, ConnectionResetError("the connection was closed"))
        return answer(received)


@dataclass(frozen=True)
class AsyncSeatHost:
    """The same verbs for an event loop."""

    path: Path
    seconds: float = ANSWER_SECONDS

    async def start(self, order: SeatOrder) -> Started:
        return _started(await self._ask("start", order=order))

    async def stop(self, username: str, *, now: bool = False) -> None:
        await self._ask("stop", username=username, now=now)

    async def state(self, username: str) -> SeatState:
        return _state(await self._ask("state", username=username))

    async def list(self) -> tuple[SeatState, ...]:
        return _states(await self._ask("list"))

    async def health(self) -> Health:
        return _health(await self._ask("health"))

    async def home(self, username: str) -> HomeSize:
        return _home(await self._ask("home", username=username))

    async def forget(self, username: str) -> None:
        await self._ask("forget", username=username)

    async def _ask(self, verb: str, **arguments: object) -> dict[str, Any]:
        try:
            received = await asyncio.wait_for(
                self._exchange(request_line(verb, **arguments)), self.seconds
            )
        except (OSError, TimeoutError) as error:
            raise silent(self.path, error) from error
        if not received:
            raise silent(self.path, ConnectionResetError("the connection was closed"))
        return answer(received)

    async def _exchange(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(self.path), limit=LONGEST_LINE)
        try:
            writer.write(request)
            await writer.drain()
            return await reader.readline()
        finally:
            writer.close()


def silent(path: Path, error: OSError | TimeoutError) -> SeatHostError:
    """Nobody answers at `path`: the host, its link or its service is away."""
    why = getattr(error, "strerror", None) or str(error) or "no answer in time"
    return SeatHostError(
        "silent",
        f"the seat host at {path} does not answer ({why}); its seats and their work are untouched",
        next_step="`workshop status` says how its host is",
    )


def _started(told: dict[str, Any]) -> Started:
    return read_noun(Started, told["started"])


def _state(told: dict[str, Any]) -> SeatState:
    return read_noun(SeatState, told["state"])


def _states(told: dict[str, Any]) -> tuple[SeatState, ...]:
    return tuple(read_noun(SeatState, each) for each in told["seats"])


def _health(told: dict[str, Any]) -> Health:
    return read_noun(Health, told["health"])


def _home(told: dict[str, Any]) -> HomeSize:
    return read_noun(HomeSize, told["home"])
