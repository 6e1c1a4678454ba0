"""The requests that carry no large body: what there is, tickets, snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from tornado.web import RequestHandler

from hub_config.exchange.errors import NoRight, NotThere
from hub_config.exchange.files import too_large
from hub_config.exchange.grading_desk import Arrival, ArrivalsAnswer, ArrivalsQuestion
from hub_config.exchange.handlers import ApiHandler
from hub_config.exchange.identity import Caller
from hub_config.exchange.records import (
    AssignmentView,
    Overview,
    Snapshot,
    SubmissionView,
    TicketAnswer,
    TicketRequest,
)
from hub_config.exchange.store import Store


class Health(RequestHandler):
    """Says that the service is up, to anybody, and nothing more."""

    def get(self) -> None:
        self.finish({"status": "ok"})


class Assignments(ApiHandler):
    """What there is for the caller."""

    async def get(self) -> None:
        views = await asyncio.to_thread(own_views, self.parts.store, self.caller)
        self.answer(
            Overview(
                course=self.parts.config.course,
                name=self.caller.name,
                instructor=self.caller.is_instructor,
                assignments=tuple(views),
            )
        )


class NewTicket(ApiHandler):
    """Permission to upload once. Whose it is, the token says."""

    def post(self) -> None:
        request = self.json_body(TicketRequest)
        username = self.caller.own_name()
        limit = self.parts.config.submissions.upload_bytes
        if request.size is not None and request.size > limit:
            raise too_large(limit)
        self.parts.store.release(request.assignment)
        self.parts.store.check_quota(request.assignment, username, request.size or 0)
        ticket = self.parts.tickets.issue(username, request)
        self.answer(
            TicketAnswer(ticket=ticket.id, expires=ticket.expires, max_bytes=limit), status=201
        )


class Submissions(ApiHandler):
    """All snapshots of an assignment: an instructor's list, for collecting."""

    async def get(self, assignment: str) -> None:
        self.caller.require_instructor()
        store = self.parts.store

        def read() -> AssignmentView:
            snapshots = (
                snapshot
                for username in store.attendees(assignment)
                for snapshot in store.submissions(assignment, username)
            )
            return AssignmentView(
                assignment=assignment, release=None, submissions=_with_feedback(store, snapshots)
            )

        self.answer(await asyncio.to_thread(read))


class NewArrivals(ApiHandler):
    """What has been handed in since the grader last asked; the answer waits for it."""

    async def post(self) -> None:
        self.caller.require_instructor()
        if not self.caller.is_service:
            raise NoRight("Only the grader asks this.", next_step="See `workshop grade queue`.")
        question = self.json_body(ArrivalsQuestion)
        desk = self.parts.desk
        if question.grading is not None:
            desk.tell(question.grading)
        await desk.arrivals.wait(question.mark, question.seconds)
        mark, news = desk.arrivals.since(question.mark)
        self.answer(await asyncio.to_thread(self._told, mark, news))

    def _told(self, mark: str, news: Iterable[Snapshot]) -> ArrivalsAnswer:
        store = self.parts.store
        arrivals = (
            Arrival(
                assignment=snapshot.assignment,
                username=snapshot.username,
                snapshot=snapshot.id,
                number=snapshot.sequence(),
                received=snapshot.received,
                answered=store.feedback(snapshot) is not None,
            )
            for snapshot in news
            # A rehearsal's robots are gone afterwards, with all that they handed in.
            if store.submission_archive(snapshot).is_file()
        )
        return ArrivalsAnswer(mark=mark, arrivals=tuple(arrivals))


class SubmissionArchive(ApiHandler):
    """The bytes of one snapshot, for its owner and for instructors."""

    async def get(self, assignment: str, username: str, entry: str) -> None:
        self.caller.require_owner(username)
        snapshot = self.parts.store.submission(assignment, username, entry)
        await self.send_archive(self.parts.store.submission_archive(snapshot), snapshot.sha256)


def own_views(store: Store, caller: Caller) -> list[AssignmentView]:
    """Each assignment that is released, or of which the caller has submitted something."""
    views = []
    for assignment in store.assignments():
        try:
            release = store.release(assignment)
        except NotThere:
            release = None
        snapshots = [] if caller.is_service else store.submissions(assignment, caller.name)
        if release or snapshots:
            views.append(
                AssignmentView(
                    assignment=assignment,
                    release=release,
                    submissions=_with_feedback(store, snapshots),
                )
            )
    return views


def _with_feedback(store: Store, snapshots: Iterable[Snapshot]) -> tuple[SubmissionView, ...]:
    return tuple(
        SubmissionView(snapshot=snapshot, feedback=store.feedback(snapshot))
        for snapshot in snapshots
    )
