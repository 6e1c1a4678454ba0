"""A seat stays on its host with its files, whatever is restarted; a dead host is noticed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from hub_config.rehearsal.errors import RobotStuck
from hub_config.rehearsal.robot import Robot
from tests.hub_config.fleet.hub_on_hosts import HubOnHosts, hub_on_hosts
from tests.hub_config.fleet.linked_hosts import until

#: From inside a seat, with its token: {path: status}.
ASK_THE_HUB = """
import json, os, urllib.error, urllib.request
def status(method, path):
    request = urllib.request.Request(
        os.environ["JUPYTERHUB_API_URL"] + path, method=method,
        data=b"{}" if method == "POST" else None,
        headers={"Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"]})
    try:
        return urllib.request.urlopen(request, timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code
print(json.dumps({f"{method} {path}": status(method, path) for method, path in ASKED}))
"""
REFUSED = (
    ("GET", "/users"),
    ("GET", "/users/bob"),
    ("GET", "/groups"),
    ("GET", "/services"),
    ("GET", "/proxy"),
    ("GET", "/info"),
    ("POST", "/users/bob/server"),
    ("DELETE", "/users/ann/server"),
    ("POST", "/users/ann/tokens"),
    ("POST", "/users/bob/activity"),
    ("POST", "/shutdown"),
)


@pytest.fixture(scope="module")
def lost_at() -> list[datetime]:
    """When bob's host lost its power."""
    return []


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, lost_at: list[datetime]) -> Iterator[HubOnHosts]:
    """Bob's host is killed as soon as it was seen well; the tests go on meanwhile."""
    with hub_on_hosts(tmp_path_factory.mktemp("f")) as running:
        until(lambda: state(running, "seat-03") == "well")
        running.hosts.host("seat-03").machine.cut_power()
        lost_at.append(datetime.now(UTC))
        yield running


def state(hub: HubOnHosts, host: str) -> str:
    facts = hub.facts()
    known = facts.of(host) if facts else None
    return known.state if known else ""


async def test_a_cell_runs_on_the_host_of_the_seat(hub: HubOnHosts) -> None:
    robot = hub.robot("ann")
    await robot.log_in()
    await robot.get_server()
    await robot.run_cell("python3", "open('work.txt', 'w').write('mine')")
    await robot.close()
    assert (hub.home("ann") / "work.txt").read_text() == "mine"
    assert not list(hub.settings.homes.iterdir())


async def test_a_seats_token_opens_nothing_but_its_own_seat(hub: HubOnHosts) -> None:
    robot = hub.robot("ann")
    await robot.log_in()
    await robot.get_server()
    asked = (("GET", "/user"), *REFUSED)
    said = await robot.run_cell("python3", f"ASKED = {asked!r}\n{ASK_THE_HUB}")
    await robot.close()
    answers = json.loads(said)
    assert answers.pop("GET /user") == 200
    assert set(answers.values()) <= {403, 404}, answers


async def test_after_a_logout_and_a_stop_the_seat_is_where_it_was(hub: HubOnHosts) -> None:
    robot = hub.robot("ann")
    await robot.log_in()
    headers = {"X-XSRFToken": robot.form_token("/hub/")}
    stopped = await robot.send("DELETE", "/hub/api/users/ann/server", headers=headers)
    assert stopped.status_code in (202, 204), stopped.text
    await robot.log_out()
    await robot.close()
    until(lambda: (seat := hub.seat("ann")) and not seat.running)
    await works_on(hub)


async def test_a_hub_that_is_killed_finds_its_seats_again(hub: HubOnHosts) -> None:
    before, pid = hub.seat("ann").started, hub.hub_pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: hub.answers() and hub.hub_pid() not in (None, pid), 60)
    await works_on(hub)
    assert hub.seat("ann").started == before


async def test_after_a_restart_of_its_host_the_seat_is_where_it_was(hub: HubOnHosts) -> None:
    machine = hub.hosts.host("seat-02").machine
    machine.reboot()
    machine.wait("up", seconds=30)
    hub.start_service("seat-02")
    until(lambda: hub.seat("ann"), 30)
    await works_on(hub)


def test_a_host_that_dies_is_noticed_within_thirty_seconds(
    hub: HubOnHosts, lost_at: list[datetime]
) -> None:
    until(lambda: state(hub, "seat-03") == "dead", 31)
    noticed = hub.facts().of("seat-03").since
    assert 0 < (noticed - lost_at[0]).total_seconds() < 30
    until(lambda: state(hub, "seat-02") == "well")


async def test_a_hubs_host_that_is_restarted_finds_its_seats_again(hub: HubOnHosts) -> None:
    """The last one: time without a watch does not count towards a host's death."""
    before = hub.seat("ann").started
    os.kill(hub.supervisor.pid(), signal.SIGKILL)  # and all of its programs with it
    until(lambda: not hub.answers() and hub.seat("ann") is None)
    hub.start_programs()
    until(lambda: hub.answers() and hub.seat("ann"), 60)
    await works_on(hub)
    assert hub.seat("ann").started == before


async def works_on(hub: HubOnHosts) -> None:
    robot = hub.robot("ann")
    await robot.log_in()
    # The hub looks after its servers every ten seconds.
    while (await robot.send("GET", robot.path("api"))).status_code == 502:
        await asyncio.sleep(0.2)
    await reload_until_it_opens(robot)
    assert await robot.run_cell("python3", "print(open('work.txt').read())") == "mine\n"
    await robot.close()


async def reload_until_it_opens(robot: Robot) -> None:
    """As a person does who meets the proxy's 502 while a link comes back."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await robot.get_server()
            except RobotStuck:
                await asyncio.sleep(0.5)
