"""What people open in a browser: their own feedback, and the instructor's report."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape
from jupyterhub.services.auth import HubOAuthenticated
from tornado.web import HTTPError, RequestHandler, authenticated

from hub_config.exchange.api import own_views
from hub_config.exchange.archive import read_member
from hub_config.exchange.errors import NotThere, Refused
from hub_config.exchange.grading_desk import Standing
from hub_config.exchange.handlers import Parts, check_name
from hub_config.exchange.identity import Caller

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates" / "exchange"),
    autoescape=select_autoescape(),
)
# Our own pages run no script at all.
_OUR_PAGE = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
# Feedback holds what attendees' notebooks printed, the report holds names they chose. In the
# sandbox such a page has no origin: it reaches neither cookies, nor the hub, nor the network.
_SANDBOX = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'"
)
_REPORT_FILES = {"report.html": "text/html; charset=utf-8", "grades.csv": "text/csv; charset=utf-8"}


class Page(HubOAuthenticated, RequestHandler):
    """A page for people who have logged in at the hub."""

    def initialize(self, parts: Parts) -> None:
        self.parts = parts

    async def prepare(self) -> None:
        # Asks the hub without blocking; `current_user` then finds the answer.
        await self.hub_auth.get_user(self, sync=False)

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", _OUR_PAGE)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")

    def caller(self) -> Caller:
        return self.parts.identity.caller(self.current_user)

    def show(self, template: str, **values: Any) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(_TEMPLATES.get_template(template).render(**values))

    def look_again(self, standings: Iterable[Standing], address: str) -> None:
        """Let the browser come back by itself while something moves; no script is needed."""
        moving = [standing for standing in standings if standing.moves]
        if moving:
            nearest = min(standing.place for standing in moving)
            # Who is far from the front of a long line need not ask every second.
            self.set_header("Refresh", f"{min(10, 1 + nearest // 4)}; url={address}")

    def show_sandboxed(self, content: bytes, content_type: str) -> None:
        self.set_header("Content-Security-Policy", _SANDBOX)
        self.set_header("Content-Type", content_type)
        self.finish(content)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, Refused):
            self.set_status(error.status)
            self.show("message.html", message=error.message, remedy=error.next_step)
            return
        message = (
            "You may not open this page." if status_code == 403 else "This page can't be shown."
        )
        self.show("message.html", message=message, remedy="Go back to the hub and try again.")

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if not isinstance(value, Refused):
            super().log_exception(typ, value, tb)


class FeedbackList(Page):
    """The attendee's submissions, with links to the feedback on them."""

    @authenticated
    async def get(self) -> None:
        caller = self.caller()
        views = await asyncio.to_thread(own_views, self.parts.store, caller)
        standings = {
            view.assignment: self.parts.desk.standing(view.submissions[-1].snapshot)
            for view in views
            if view.submissions and view.submissions[-1].feedback is None
        }
        self.look_again(standings.values(), "./")
        course = self.parts.config.course
        self.show(
            "feedback.html", name=caller.name, course=course, views=views, standings=standings
        )


class FeedbackPage(Page):
    """One page of the attendee's own feedback. Whose, is not part of the address."""

    @authenticated
    async def get(self, assignment: str, entry: str, page: str) -> None:
        caller = self.caller()
        content = await asyncio.to_thread(self._read, caller.own_name(), assignment, entry, page)
        self.show_sandboxed(content, "text/html; charset=utf-8")

    def _read(self, username: str, assignment: str, entry: str, page: str) -> bytes:
        check_name("assignment", assignment)
        check_name("entry", entry)
        store = self.parts.store
        snapshot = store.submission(assignment, username, entry)
        feedback = store.feedback(snapshot)
        if feedback is None or page not in feedback.pages:
            raise NotThere("There is no such feedback.", next_step="Go back to the list.")
        archive = store.feedback_archive(snapshot, feedback)
        return read_member(archive, page, self.parts.config.material.unpacked)


class Report(Page):
    """The instructor's report and its table of grades."""

    @authenticated
    async def get(self, name: str = "report.html") -> None:
        self.caller().require_instructor()
        if name not in _REPORT_FILES:
            raise HTTPError(404)
        try:
            content = await asyncio.to_thread((self.parts.config.reports / name).read_bytes)
        except FileNotFoundError:
            raise NotThere(
                "There is no report yet.", next_step="Run `workshop report`, then reload."
            ) from None
        self.show_sandboxed(content, _REPORT_FILES[name])
