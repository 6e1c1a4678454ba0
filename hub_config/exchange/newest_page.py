"""The page behind JupyterLab's menu *Feedback*: what was handed in last, and what came of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from tornado.web import authenticated

from hub_config.exchange.api import own_views
from hub_config.exchange.pages import Page
from hub_config.exchange.records import AssignmentView, Feedback, SubmissionView

#: What came in so lately is what the attendee means.
_LATELY = timedelta(seconds=15)
#: How often, and every how many seconds, the page looks whether something new has arrived.
_LOOKS, _SECONDS = 60, 1


class NewestFeedback(Page):
    """Says where the newest submission stands, and turns into the feedback by itself.

    Whoever presses Submit and at once opens this page may be faster than the submission. So
    feedback that has been there for a while is offered, not opened: it may be on the one before.
    """

    @authenticated
    async def get(self) -> None:
        views = await asyncio.to_thread(own_views, self.parts.store, self.caller())
        view = max((view for view in views if view.submissions), key=_last_moment, default=None)
        newest = view.submissions[-1] if view else None
        if newest and newest.feedback and newest.feedback.pages:
            self._show_feedback(newest, newest.feedback)
        else:
            self._show_standing(newest)

    def _show_feedback(self, newest: SubmissionView, feedback: Feedback) -> None:
        waited_for = self.get_query_argument("for", "") == newest.snapshot.id
        if waited_for or datetime.now(UTC) - newest.snapshot.received < _LATELY:
            self.redirect(_address(feedback))
            return
        self._look_for_a_newer_one()
        self.show("newest.html", snapshot=newest.snapshot, address=_address(feedback))

    def _show_standing(self, newest: SubmissionView | None) -> None:
        snapshot = newest.snapshot if newest else None
        standing = self.parts.desk.standing(snapshot) if snapshot else None
        if snapshot and standing and standing.moves:
            self.look_again([standing], f"newest?for={snapshot.id}")
        else:
            self._look_for_a_newer_one()
        self.show("newest.html", snapshot=snapshot, standing=standing)

    def _look_for_a_newer_one(self) -> None:
        """For as long as a submission may be on its way."""
        looks = self.get_query_argument("looks", "0")
        number = int(looks) if looks.isdecimal() and len(looks) < 4 else _LOOKS
        if number < _LOOKS:
            self.set_header("Refresh", f"{_SECONDS}; url=newest?looks={number + 1}")


def _last_moment(view: AssignmentView) -> float:
    return view.submissions[-1].snapshot.received.timestamp()


def _address(feedback: Feedback) -> str:
    """Seen from the list. A lab's own page is called as the lab."""
    own = f"{feedback.assignment}.html"
    page = own if own in feedback.pages else feedback.pages[0]
    return "/".join(quote(part, safe="") for part in (feedback.assignment, feedback.snapshot, page))
