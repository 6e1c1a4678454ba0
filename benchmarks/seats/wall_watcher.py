"""Somebody who looks at the wall while the class comes in, as the wall's own script does."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from hub_config.rehearsal.outcome import percentile
from hub_config.rehearsal.robot import Robot

WALL = "/services/wall/"
EVERY_SECONDS = 2.0
_RUNNING = re.compile(r"<b>(\d+)</b> <span>(?:in|idle|stuck)</span>")
_TOKEN = re.compile(r'<meta name="xsrf" content="([^"]+)">')


@dataclass
class Watched:
    """What the wall answered: statuses, seconds, and the most seats that it showed as running."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    most_running: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "asked": sum(self.statuses.values()),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "p95_s": round(percentile(self.seconds, 0.95), 2) if self.seconds else None,
            "most_running": self.most_running,
        }


@asynccontextmanager
async def watching(address: str, code: str) -> AsyncIterator[Watched]:
    """Log in as staff and look until the context ends."""
    watched = Watched()
    robot = Robot(address, code)
    try:
        await robot.log_in()
        page = await robot.get(WALL)
        token = _TOKEN.search(page.text)
        assert token is not None, "the wall did not open"
        looking = asyncio.create_task(_look(robot, token[1], watched))
        try:
            yield watched
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
    finally:
        await robot.close()


async def _look(robot: Robot, token: str, watched: Watched) -> None:
    etag = ""
    while True:
        headers = {"X-XSRFToken": token, **({"If-None-Match": etag} if etag else {})}
        began = time.monotonic()
        answer = await robot.send("GET", f"{WALL}state", headers=headers)
        watched.seconds.append(time.monotonic() - began)
        watched.statuses[answer.status_code] += 1
        if answer.status_code == 200:
            etag = answer.headers.get("ETag", "")
            counts = _RUNNING.findall(answer.json()["headline"])
            watched.most_running = max(watched.most_running, sum(map(int, counts)))
        await asyncio.sleep(EVERY_SECONDS)
