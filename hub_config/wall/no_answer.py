"""What people get while the hub or a seat's server does not answer: the proxy asks here.

A page says it in words and tries again by itself; what is no page gets JSON. Nobody need be logged
in: the hub may be what is away, and nothing here is about a person.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tornado.web import RequestHandler

from hub_config.settings import HubSettings
from hub_config.wall.render import SMALL_POLICY, small_page

#: Until the page tries again. A link between hosts is back after one to three seconds.
AGAIN_SECONDS: Final = 5
#: Where seats are, see JupyterHub's routes.
_SEATS: Final = "/user/"


@dataclass(frozen=True)
class NoAnswer:
    """In words. `copy_minutes`: how old the copies of homes may be that are kept on another
    machine than the seat's; None where seats are on the hub's own."""

    title: str
    seat: bool
    copy_minutes: float | None


def no_answer_url(settings: HubSettings) -> str:
    """Where the proxy finds the page; it fills in what is in braces."""
    port = settings.ports.wall
    return f"http://127.0.0.1:{port}/services/wall/no-answer/{{status}}?url={{url}}"


def no_answer(url: str, copy_minutes: float | None) -> NoAnswer:
    """What is said about this address, which may be anything: it is never shown."""
    try:
        seat = urlsplit(url).path.startswith(_SEATS)
    except ValueError:
        seat = False
    title = "Your seat does not answer" if seat else "The workshop does not answer"
    return NoAnswer(title, seat, copy_minutes)


def wants_a_page(accept: str) -> bool:
    """Whether a person reads the answer. JupyterLab's own requests take anything."""
    return not accept or "text/html" in accept


class NoAnswerPage(RequestHandler):
    """For the proxy, which gives the answer on under its own status."""

    def initialize(self, copy_minutes: float | None) -> None:
        self._copy_minutes = copy_minutes

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", SMALL_POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    def get(self, status: str) -> None:
        told = no_answer(self.get_query_argument("url", ""), self._copy_minutes)
        if wants_a_page(self.request.headers.get("Accept", "")):
            # Without an address: the page that was asked for.
            self.set_header("Refresh", str(AGAIN_SECONDS))
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.finish(small_page("no_answer.html", told=told, seconds=AGAIN_SECONDS))
        else:
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps({"message": f"{told.title} at the moment.", "reason": status}))
