"""The hub's REST API as this product uses it: who is there, start and stop seats."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import httpx

from provisioning.errors import StepFailed

#: How long a server may take to end before that is a failure.
STOPPING_SECONDS = 60


@dataclass(frozen=True)
class SeatServer:
    username: str
    running: bool
    pending: str | None
    last_activity: datetime | None


class HubApi:
    """A client with the workshop's own service token."""

    def __init__(self, base: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=base,
            headers={"Authorization": f"token {token}"},
            timeout=30,
            # A proxy of the surroundings must not see traffic to loopback.
            trust_env=False,
        )

    def healthy(self) -> bool:
        try:
            return self._client.get("/hub/api/").status_code == HTTPStatus.OK
        except httpx.HTTPError:
            return False

    def servers(self) -> tuple[SeatServer, ...]:
        return tuple(_seat_server(row) for row in self._get("/hub/api/users"))

    def ensure_user(self, username: str) -> None:
        doing = f"making a place for {username}"
        answer = self._ask("POST", f"/hub/api/users/{username}", doing)
        _expect(answer, doing, HTTPStatus.CREATED, HTTPStatus.CONFLICT)

    def start_server(self, username: str) -> None:
        """Ask for a start; it may have to wait in the queue."""
        doing = f"starting the seat of {username}"
        answer = self._ask("POST", f"/hub/api/users/{username}/server", doing)
        # 400: it runs, or is starting, already.
        _expect(answer, doing, HTTPStatus.CREATED, HTTPStatus.ACCEPTED, HTTPStatus.BAD_REQUEST)

    def stop_server(self, username: str) -> None:
        doing = f"stopping the seat of {username}"
        answer = self._ask("DELETE", f"/hub/api/users/{username}/server", doing)
        ended = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND)
        _expect(answer, doing, *ended, HTTPStatus.ACCEPTED, HTTPStatus.BAD_REQUEST)

    def delete_user(self, username: str) -> None:
        """Stops the seat's server too. Nothing happens when the hub doesn't know it."""
        path, doing = f"/hub/api/users/{username}", f"forgetting {username}"
        answer = self._ask("DELETE", path, doing)
        deadline = time.monotonic() + STOPPING_SECONDS
        # Its server is stopping or starting at this moment: 400, or 500 if it is about to.
        again = (HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR)
        while answer.status_code in again and time.monotonic() < deadline:
            time.sleep(0.3)
            answer = self._ask("DELETE", path, doing)
        _expect(answer, doing, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND)

    def _get(self, path: str) -> Any:
        doing = f"reading {path}"
        answer = self._ask("GET", path, doing)
        _expect(answer, doing, HTTPStatus.OK)
        return answer.json()

    def _ask(self, method: str, path: str, doing: str) -> httpx.Response:
        """Raises: StepFailed when nobody answers."""
        try:
            return self._client.request(method, path)
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise StepFailed(
                f"The hub gave no answer to {doing} ({why}); nothing is lost",
                next_step="`workshop status` says how the hub is; then repeat the command",
            ) from error


def _expect(answer: httpx.Response, doing: str, *good: HTTPStatus) -> None:
    """Raises: StepFailed for any other answer."""
    if answer.status_code not in good:
        raise StepFailed(
            f"The hub answered {answer.status_code} to {doing}: {answer.text[:200]}",
            next_step="workshop status",
        )


def is_open(door: str) -> bool:
    """Whether the hub answers at this address; the certificate is for another name."""
    try:
        answer = httpx.get(f"{door}/hub/api/", timeout=10, verify=False, trust_env=False)  # noqa: S501
    except httpx.HTTPError:
        return False
    return answer.status_code == HTTPStatus.OK


def _seat_server(row: dict[str, Any]) -> SeatServer:
    server = row.get("servers", {}).get("") or {}
    active = server.get("last_activity") or row.get("last_activity")
    return SeatServer(
        username=row["name"],
        running=bool(server.get("ready")),
        pending=server.get("pending") or row.get("pending"),
        last_activity=datetime.fromisoformat(active) if active else None,
    )
