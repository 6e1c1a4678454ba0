"""What people open in a browser and what their pages ask for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from jupyterhub.services.auth import HubOAuth, HubOAuthenticated
from tornado.web import HTTPError, RequestHandler, authenticated

from hub_config.wall.config import WallConfig
from hub_config.wall.errors import Refused
from hub_config.wall.identity import Visitor, visitor_of
from hub_config.wall.messages import MINUTES
from hub_config.wall.money import age
from hub_config.wall.own_notices import own_notices
from hub_config.wall.render import SMALL_POLICY, WALL_POLICY, page, small_page
from hub_config.wall.showing import Showing


@dataclass(frozen=True)
class Parts:
    """What the handlers work with. `patient` asks the hub about the same session less often."""

    config: WallConfig
    showing: Showing
    strict: HubOAuth
    patient: HubOAuth


class Handler(HubOAuthenticated, RequestHandler):
    """A request by somebody who has logged in at the hub."""

    def initialize(self, parts: Parts) -> None:
        self.parts = parts
        self.hub_auth = parts.strict

    async def prepare(self) -> None:
        # Asks the hub without blocking; `current_user` then finds the answer.
        await self.hub_auth.get_user(self, sync=False)

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", SMALL_POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")

    def visitor(self) -> Visitor:
        if self.current_user is None:
            raise HTTPError(403)
        return visitor_of(self.current_user, self.parts.config.staff_groups)

    def show(self, html: str) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(html)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, Refused):
            status_code, said = error.status, (error.message, error.next_step)
        elif status_code == 403:
            said = ("You may not open this page.", "Go back to the hub and try again.")
        else:
            said = ("This page can't be shown.", "Go back to the hub and try again.")
        self.set_status(status_code)
        self.tell(*said)

    def tell(self, message: str, remedy: str) -> None:
        self.show(small_page("message.html", message=message, remedy=remedy))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if not isinstance(value, Refused):
            super().log_exception(typ, value, tb)


class WallPage(Handler):
    """The wall itself."""

    @authenticated
    async def get(self) -> None:
        self.visitor().require_staff()
        self.parts.showing.somebody_looks()
        self.set_header("Content-Security-Policy", WALL_POLICY)
        self.show(page(self.parts.showing.wall(), self.xsrf_token.decode()))


class JsonHandler(Handler):
    """What the wall's script asks for; a refusal is {"message", "next_step"}."""

    async def prepare(self) -> None:
        await super().prepare()
        # No redirect to a login that a script can't do: the page loads itself again instead.
        if self.current_user is None:
            raise HTTPError(403)
        self.visitor().require_staff()

    def tell(self, message: str, remedy: str) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"message": message, "next_step": remedy}))


class State(JsonHandler):
    """The sections of the wall. Tornado adds the ETag and answers 304."""

    async def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-cache")
        self.finish(self.parts.showing.state())


class NewMessage(JsonHandler):
    """Say something to all seats."""

    async def post(self) -> None:
        showing, minutes = self.parts.showing, self.get_body_argument("minutes", "")
        showing.messages.say(
            self.get_body_argument("text", ""),
            int(minutes) if minutes.isdecimal() and len(minutes) < 4 else MINUTES[0],
            self.visitor().username,
            showing.clock(),
        )
        self.finish({})


class MessageGone(JsonHandler):
    """Take a message back."""

    async def post(self) -> None:
        showing = self.parts.showing
        showing.messages.take_back(self.get_body_argument("id", ""), showing.clock())
        self.finish({})


class Extend(JsonHandler):
    """Thirty minutes more for every host: passed on to who may give them."""

    async def post(self) -> None:
        showing = self.parts.showing
        facts = showing.newest_facts()
        showing.wishes.wish(
            facts.fleet if facts else None,
            self.get_body_argument("deadline", ""),
            self.visitor().username,
            showing.clock(),
        )
        self.finish({})


class HelpDone(JsonHandler):
    """Somebody has been helped."""

    async def post(self) -> None:
        self.parts.showing.calls.done(self.get_body_argument("username", ""))
        self.finish({})


class AskForHelp(Handler):
    """An attendee's page: ask, see that it is known, take it back. No script is needed."""

    @authenticated
    async def get(self) -> None:
        calls = self.parts.showing.calls
        name = self.visitor().username
        call = calls.of(name)
        place = calls.calls.index(call) + 1 if call else 0
        token = self.xsrf_token.decode()
        ago = age(self.parts.showing.clock() - call.since) if call else ""
        if call:
            # The page says by itself that somebody has helped.
            self.set_header("Refresh", "15; url=help")
        self.show(small_page("ask_for_help.html", call=call, place=place, ago=ago, xsrf=token))

    @authenticated
    async def post(self) -> None:
        showing, name = self.parts.showing, self.visitor().username
        if self.get_body_argument("action", "") == "take back":
            showing.calls.take_back(name, showing.clock())
        else:
            showing.calls.ask(name, self.get_body_argument("about", ""), showing.clock())
        self.redirect("help", status=303)


class Notices(Handler):
    """What a seat's JupyterLab shows: messages to all, and one's own call for help.

    Asked by every open browser several times a minute: the hub's word is believed for longer.
    """

    def initialize(self, parts: Parts) -> None:
        super().initialize(parts)
        self.hub_auth = parts.patient

    @authenticated
    async def get(self) -> None:
        showing, now = self.parts.showing, self.parts.showing.clock()
        name = self.visitor().username
        idle = self.get_query_argument("idle", "")
        if idle.isdecimal() and len(idle) < 7:
            showing.presence.tell(name, float(idle), now)
        call = showing.calls.of(name)
        messages = [
            {"id": each.id, "text": each.text, "since": each.since.isoformat()}
            for each in showing.messages.standing(now)
        ]
        asked = {"since": call.since.isoformat()} if call else None
        own = [asdict(each) for each in own_notices(showing.newest_facts(), name, now)]
        self.set_header("Cache-Control", "no-cache")
        self.finish({"messages": messages, "own": own, "help": asked})
