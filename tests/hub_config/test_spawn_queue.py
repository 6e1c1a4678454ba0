"""Seats start in the order in which people came, a few at a time."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from hub_config.spawn_queue import FIRST_GUESS_SECONDS, SpawnQueue
from hub_config.spawner import SeatSpawner


class Starts:
    """Holds every start until the test lets it go on."""

    def __init__(self, queue: SpawnQueue) -> None:
        self.queue = queue
        self.running: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, seat: str) -> None:
        self._gates[seat] = asyncio.Event()
        self.tasks[seat] = asyncio.create_task(self._start(seat))
        await asyncio.sleep(0)

    async def finish(self, seat: str) -> None:
        self._gates[seat].set()
        await self.tasks[seat]
        await asyncio.sleep(0)

    async def _start(self, seat: str) -> None:
        async with self.queue.slot(seat):
            self.running.append(seat)
            await self._gates[seat].wait()


async def test_no_more_than_the_slots_start_at_once_and_the_rest_has_places() -> None:
    starts = Starts(SpawnQueue(2))
    for seat in "abcd":
        await starts.ask(seat)
    assert starts.running == ["a", "b"]
    assert [starts.queue.place(seat) for seat in "abcd"] == [0, 0, 1, 2]
    await starts.finish("b")
    assert starts.running == ["a", "b", "c"]
    assert starts.queue.place("d") == 1


async def test_whoever_gives_up_frees_the_place() -> None:
    starts = Starts(SpawnQueue(1))
    for seat in "abc":
        await starts.ask(seat)
    starts.tasks["b"].cancel()
    await asyncio.sleep(0)
    assert starts.queue.place("c") == 1
    await starts.finish("a")
    assert starts.running == ["a", "c"]


async def test_a_turn_that_comes_while_its_owner_leaves_goes_to_the_next() -> None:
    starts = Starts(SpawnQueue(1))
    for seat in "abc":
        await starts.ask(seat)
    starts._gates["a"].set()
    await starts.tasks["a"]  # b's turn is set, b has not run yet
    starts.tasks["b"].cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    assert starts.running[-1] == "c"


async def test_a_start_that_fails_passes_its_slot_on() -> None:
    queue = SpawnQueue(1)
    with pytest.raises(RuntimeError):
        async with queue.slot("a"):
            raise RuntimeError("no server")
    async with asyncio.timeout(1), queue.slot("b"):
        assert queue.place("b") == 0


async def test_the_estimate_follows_what_starts_really_take() -> None:
    now = 0.0
    queue = SpawnQueue(2, clock=lambda: now)
    assert queue.seconds_to_start(3) == 2 * FIRST_GUESS_SECONDS
    for _ in range(20):
        async with queue.slot("a"):
            now += 30.0
    assert queue.seconds_to_start(3) == pytest.approx(60.0, rel=0.01)


async def test_whoever_waits_reads_her_place_and_for_how_long() -> None:
    spawner = SeatSpawner(slots=1)
    spawner.user = SimpleNamespace(name="dan")
    starts = Starts(spawner._queue())
    for seat in ("ann", "bob", "cat", "dan"):
        await starts.ask(seat)
    told = spawner.progress()
    assert (await anext(told))["message"] == "You are number 3 in the queue: about 25 seconds."
    for seat in ("ann", "bob", "cat"):
        await starts.finish(seat)
    assert (await anext(told))["message"].startswith("Your server is starting.")
    await starts.finish("dan")
