"""What the watch concludes from silence, and what it then does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from hub_config.fleet.host_facts import is_lost, read_facts, write_facts
from hub_config.fleet.placement import agent_socket, ensure_seat_map, hosts_file
from hub_config.fleet.reseating import move_to
from hub_config.fleet.silence import DEAD_SECONDS, Quiet, judge
from hub_config.fleet.watch import EVERY_SECONDS, Means, Watch
from hub_config.seat_host.protocol import Health, SeatState, line
from hub_config.settings import HubSettings, SeatHostSettings
from provisioning.errors import StepFailed
from tests.hub_config.fleet.linked_hosts import hub_settings

HEALTH = Health("host", 2, 0.5, 1, 1, 1, 1, 1.0, 1, "", "")


@pytest.mark.parametrize(
    ("service", "host", "before", "after"),
    [
        (None, 0, "silent", "well"),
        (None, 0, "no service", "well"),
        (None, 0, "dead", "well"),
        (None, 0, "replaced", "well"),
        (0, 0, "silent", "silent"),
        (5, 5, "well", "well"),
        (10, 10, "well", "silent"),
        (19, 19, "silent", "silent"),
        (20, 20, "silent", "dead"),
        (20, 3, "silent", "no service"),
        (119, 3, "no service", "no service"),
        (60, 20, "no service", "dead"),
        (120, 3, "no service", "dead"),
        (119, 3, "silent", "no service"),
        (60, 60, "dead", "dead"),
        (60, 60, "replaced", "replaced"),
    ],
)
def test_a_host_is_judged_by_how_long_it_and_its_service_have_been_quiet(
    service: float | None, host: float, before: str, after: str
) -> None:
    assert judge(Quiet(service, host), before, spare=True) == after


def test_without_a_spare_a_host_whose_seats_run_is_never_given_up() -> None:
    assert judge(Quiet(3600, 3), "no service") == "no service"
    assert judge(Quiet(3600, 20), "no service") == "dead"


def test_a_death_is_known_within_thirty_seconds() -> None:
    assert DEAD_SECONDS + 2 * EVERY_SECONDS <= 30


@dataclass
class Fleet:
    """Two hosts with a seat each and a spare; the test decides whose service answers, which hosts
    do all the same, and what time it is."""

    settings: HubSettings
    file: Path
    running: dict[str, list[str]] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    moves: list[tuple[str, str]] = field(default_factory=list)
    there: set[str] = field(default_factory=set)
    restarted: list[str] = field(default_factory=list)
    now: float = 0.0
    fails: bool = False

    def watch(self) -> Watch:
        return Watch(self.file, Means(self.move, self.reach, self.restart), lambda: self.now)

    async def reach(self, settings: HubSettings, host: str) -> bool:
        return host in self.there

    def restart(self, settings: HubSettings, host: str) -> None:
        self.restarted.append(host)
        if self.fails:
            raise StepFailed("systemctl says no")

    def move(self, settings: HubSettings, dead: str, spare: str) -> None:
        self.moves.append((dead, spare))
        if self.fails:
            raise StepFailed("no copy could be read")
        move_to(settings.model_copy(update={"links": None}), list.append, dead, spare)

    def states(self) -> dict[str, str]:
        facts = read_facts(hosts_file(self.settings))
        return {each.name: each.state for each in facts.hosts}

    @asynccontextmanager
    async def answering(self, *hosts: str) -> AsyncIterator[None]:
        """What a host's service says, at the end of its link."""
        servers = []
        for host in hosts:
            path = agent_socket(self.settings, host)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            servers.append(await asyncio.start_unix_server(self._serve(host), path))
        try:
            yield
        finally:
            for server in servers:
                server.close()

    def _serve(self, host: str):
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = json.loads(await reader.readline())
            if request["verb"] == "stop":
                self.stopped.append(f"{host}: {request['username']}")
            seats = [SeatState(name, running=True) for name in self.running.get(host, [])]
            writer.write(line({"ok": True, "health": HEALTH, "seats": seats}))
            await writer.drain()
            writer.close()

        return serve


async def round_and_move(watch: Watch) -> None:
    """One round, and the move that it begins to its end."""
    await watch.round()
    if watch._moving is not None:
        await asyncio.wait_for(watch._moving, 20)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    hosts = tuple(
        SeatHostSettings(
            name=name, address="192.0.2.1", host_key="ssh-ed25519 AAAA", spare=name == "gpu-03"
        )
        for name in ("gpu-01", "gpu-02", "gpu-03")
    )
    settings = hub_settings(tmp_path, [], seat_hosts=hosts)
    ensure_seat_map(settings)
    file = settings.hub_folder / "settings.json"
    file.write_text(settings.model_dump_json())
    return Fleet(settings, file)


async def test_a_dead_hosts_seats_move_to_the_spare_once(fleet: Fleet) -> None:
    watch = fleet.watch()
    async with fleet.answering("gpu-01", "gpu-02", "gpu-03"):
        await watch.round()
    async with fleet.answering("gpu-02", "gpu-03"):
        for fleet.now in (5, 10, 15):
            await watch.round()
            assert not is_lost(hosts_file(fleet.settings), "gpu-01")
        for fleet.now in (20, 25, 30):
            await round_and_move(watch)
    assert fleet.moves == [("gpu-01", "gpu-03")]
    assert fleet.states() == {"gpu-01": "replaced", "gpu-02": "well", "gpu-03": "well"}
    facts = read_facts(hosts_file(fleet.settings))
    assert facts.of("gpu-01").replaced_by == "gpu-03"
    assert facts.of("gpu-03").seats == ("ann",)


async def test_without_a_spare_seats_wait_and_a_host_that_answers_again_is_well(
    fleet: Fleet,
) -> None:
    watch = fleet.watch()
    async with fleet.answering("gpu-02"):
        for fleet.now in (0, 10, 20, 40):
            await watch.round()
    assert fleet.moves == []
    assert fleet.states() == {"gpu-01": "dead", "gpu-02": "well", "gpu-03": "dead"}
    async with fleet.answering("gpu-01"):
        await watch.round()
    assert fleet.states()["gpu-01"] == "well"


async def test_a_move_that_fails_is_said_and_tried_again(fleet: Fleet) -> None:
    watch, fleet.fails = fleet.watch(), True
    async with fleet.answering("gpu-02", "gpu-03"):
        for fleet.now in (0, 20, 25, 30):
            await round_and_move(watch)
        assert read_facts(hosts_file(fleet.settings)).of("gpu-01").problem
        fleet.fails = False
        for fleet.now in (60, 65):
            await round_and_move(watch)
    assert fleet.moves == [("gpu-01", "gpu-03")] * 2


async def test_a_host_whose_service_alone_is_silent_keeps_its_seats(fleet: Fleet) -> None:
    watch, fleet.there = fleet.watch(), {"gpu-01"}
    async with fleet.answering("gpu-01", "gpu-02", "gpu-03"):
        await watch.round()
    async with fleet.answering("gpu-02", "gpu-03"):
        for fleet.now in (5, 10, 15, 20, 25, 30, 60, 110):
            await watch.round()
            await asyncio.sleep(0.02)
        await until(lambda: fleet.restarted)
        assert fleet.states()["gpu-01"] == "no service"
        assert not is_lost(hosts_file(fleet.settings), "gpu-01")
        assert "is started anew" in read_facts(hosts_file(fleet.settings)).of("gpu-01").problem
        assert (fleet.restarted, fleet.moves) == (["gpu-01"], [])
    async with fleet.answering("gpu-01", "gpu-02", "gpu-03"):
        fleet.now = 115
        await watch.round()
    assert fleet.states()["gpu-01"] == "well"
    assert not read_facts(hosts_file(fleet.settings)).of("gpu-01").problem


async def test_a_service_that_can_not_be_mended_is_said_and_given_up_in_the_end(
    fleet: Fleet,
) -> None:
    watch, fleet.there, fleet.fails = fleet.watch(), {"gpu-01"}, True
    async with fleet.answering("gpu-02", "gpu-03"):
        for fleet.now in (0, 10, 20, 25):
            await watch.round()
        await until(lambda: watch._problems)
        fleet.now = 119
        await watch.round()
        assert "systemctl says no" in read_facts(hosts_file(fleet.settings)).of("gpu-01").problem
        assert fleet.moves == []
        fleet.fails = False
        for fleet.now in (121, 126):
            await round_and_move(watch)
    assert fleet.moves == [("gpu-01", "gpu-03")]


async def test_a_host_that_dies_after_its_service_is_dead_as_soon_as_any_other(
    fleet: Fleet,
) -> None:
    watch, fleet.there = fleet.watch(), {"gpu-01"}
    async with fleet.answering("gpu-02", "gpu-03"):
        for fleet.now in (0, 10, 20, 25):
            await watch.round()
        assert fleet.states()["gpu-01"] == "no service"
        fleet.there = set()
        for fleet.now in (30, 44):
            await watch.round()
        assert fleet.states()["gpu-01"] == "no service"
        fleet.now = 46
        await watch.round()
    assert fleet.states()["gpu-01"] == "dead"


async def test_a_watch_that_was_killed_goes_on_from_what_it_wrote(fleet: Fleet) -> None:
    async with fleet.answering("gpu-02", "gpu-03"):
        watch = fleet.watch()
        for fleet.now in (0, 20, 25):
            await round_and_move(watch)
        fleet.now = 100
        await fleet.watch().round()
    assert fleet.states()["gpu-01"] == "replaced"


async def test_a_watch_that_was_killed_at_the_end_of_a_move_leaves_behind_where_to(
    fleet: Fleet,
) -> None:
    async with fleet.answering("gpu-02", "gpu-03"):
        watch = fleet.watch()
        for fleet.now in (0, 20):
            await round_and_move(watch)
        await fleet.watch().round()
    assert fleet.states()["gpu-01"] == "replaced"
    assert read_facts(hosts_file(fleet.settings)).of("gpu-01").replaced_by == "gpu-03"
    assert fleet.moves == [("gpu-01", "gpu-03")]


async def test_a_host_that_comes_back_runs_no_seat_that_is_elsewhere_by_now(fleet: Fleet) -> None:
    watch = fleet.watch()
    async with fleet.answering("gpu-02", "gpu-03"):
        for fleet.now in (0, 20, 25):
            await round_and_move(watch)
    fleet.running["gpu-01"] = ["ann"]
    async with fleet.answering("gpu-01", "gpu-02", "gpu-03"):
        await watch.round()
    assert fleet.stopped == ["gpu-01: ann"]


async def test_silence_that_the_last_watch_heard_counts_and_time_without_a_watch_does_not(
    fleet: Fleet,
) -> None:
    async with fleet.answering("gpu-01", "gpu-02", "gpu-03"):
        await fleet.watch().round()
    facts = read_facts(hosts_file(fleet.settings))
    silent_for = timedelta(seconds=15)
    aged = [replace(each, answered=facts.at - silent_for) for each in facts.hosts[:1]]
    write_facts(hosts_file(fleet.settings), replace(facts, hosts=(*aged, *facts.hosts[1:])))
    fleet.now = 1000  # the hub's host was off
    watch = fleet.watch()
    await watch.round()
    assert set(fleet.states().values()) == {"silent", "well"}
    fleet.now += 6
    await watch.round()
    assert fleet.states() == {"gpu-01": "dead", "gpu-02": "well", "gpu-03": "well"}
