"""A class that arrives at once: everybody gets a server, and nobody is turned away."""

from __future__ import annotations

import asyncio
import json
import os
from http import HTTPStatus

import httpx
import pytest

from hub_config.up import hub_api
from tests.e2e.conftest import MakeWorkshop

#: Three more than start at the same time, whatever the machine: twice its cores do.
SLOTS = max(2, 2 * (os.cpu_count() or 1))
ATTENDEES = [f"wt-seat{number}" for number in range(1, SLOTS + 4)]


async def arrive(client: httpx.AsyncClient, username: str) -> list[str]:
    """Ask for a server; everything that the waiting page is told until it is ready."""
    asked = asyncio.create_task(client.post(f"/hub/api/users/{username}/server"))
    messages = await progress_of(client, username)
    assert (await asked).status_code in (HTTPStatus.CREATED, HTTPStatus.ACCEPTED), asked.result()
    return messages


async def progress_of(client: httpx.AsyncClient, username: str) -> list[str]:
    """The waiting page is open from the first moment, so that no place in the queue is missed."""
    messages: list[str] = []
    url = f"/hub/api/users/{username}/server/progress"
    while not messages:
        async with client.stream("GET", url) as answer:
            async for line in answer.aiter_lines():
                if answer.status_code == HTTPStatus.OK and line.startswith("data:"):
                    event = json.loads(line.removeprefix("data:"))
                    if event.get("failed"):
                        break  # not asked for yet
                    messages.append(event["message"])
                    if event.get("ready"):
                        return messages
        await asyncio.sleep(0.05)
    return messages


@pytest.mark.thorough
async def test_everybody_who_arrives_at_once_gets_a_server_and_no_429(
    make_workshop: MakeWorkshop,
) -> None:
    workshop = make_workshop("waiting", ATTENDEES, instructor="wt-grace")
    workshop.up("--no-start-seats")
    hub = hub_api(workshop.settings, workshop.secrets)
    for username in ATTENDEES:
        hub.ensure_user(username)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{workshop.settings.ports.hub}",
        headers={"Authorization": f"token {workshop.secrets.workshop}"},
        timeout=240,
        trust_env=False,
        limits=httpx.Limits(max_connections=None),
    ) as client:
        told = await asyncio.gather(*(arrive(client, each) for each in ATTENDEES))
    assert all(server.running for server in hub.servers() if server.username in ATTENDEES)
    assert all(messages[-1].startswith("Server ready") for messages in told), told
    # Warm seats start so fast that hardly anybody waits; whoever does is told for how long.
    places = [each for one in told for each in one if each.startswith("You are number")]
    assert all("seconds" in each for each in places), places
