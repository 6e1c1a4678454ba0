"""A class that arrives at once: everybody gets a server, whoever waits sees a place."""

from __future__ import annotations

import asyncio
import json

import httpx

from hub_config.up import hub_api
from tests.e2e.conftest import MakeWorkshop

#: More than start at the same time on two cores.
ATTENDEES = [f"wt-seat{number}" for number in range(1, 8)]


async def progress_of(hub: str, token: str, username: str) -> list[str]:
    """Everything the waiting page of one attendee is told, until the server is ready."""
    messages: list[str] = []
    headers = {"Authorization": f"token {token}"}
    url = f"{hub}/hub/api/users/{username}/server/progress"
    async with (
        httpx.AsyncClient(timeout=240, trust_env=False) as client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                event = json.loads(line.removeprefix("data:"))
                messages.append(event["message"])
                if event.get("ready") or event.get("failed"):
                    return messages
    return messages


async def test_everybody_who_arrives_at_once_gets_a_server_and_no_429(
    make_workshop: MakeWorkshop,
) -> None:
    workshop = make_workshop("waiting", ATTENDEES)
    workshop.up("--no-start-seats")
    hub = hub_api(workshop.settings, workshop.secrets)
    for username in ATTENDEES:
        hub.ensure_user(username)
        hub.start_server(username)  # raises for any answer that is not a start
    address = f"http://127.0.0.1:{workshop.settings.ports.hub}"
    token = workshop.secrets.workshop
    told = await asyncio.gather(*(progress_of(address, token, each) for each in ATTENDEES))
    assert all(server.running for server in hub.servers() if server.username in ATTENDEES)
    # Whoever came last waited, and was told where in the queue and for how long.
    assert any(message.startswith("You are number") for message in told[-1]), told[-1]
    assert any("seconds" in message for message in told[-1])
    assert told[-1][-1].startswith("Server ready"), told[-1]
