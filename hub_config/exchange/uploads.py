"""Requests with a large body, taken in piece by piece and never held in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pydantic import BaseModel
from tornado.web import stream_request_body

from hub_config.exchange.archive import Contents, check
from hub_config.exchange.config import ArchiveLimits
from hub_config.exchange.errors import Refused, TicketUsed, TooLarge, TooMany
from hub_config.exchange.files import Incoming, Upload, too_large
from hub_config.exchange.handlers import ApiHandler
from hub_config.exchange.tickets import Ticket

#: Above our own limits, so that our words answer and not tornado's.
_MARGIN = 1 << 20


@dataclass(frozen=True)
class Admission:
    """How much may be uploaded, and what the bytes were announced to be."""

    limits: ArchiveLimits
    sha256: str | None
    size: int | None = None


@stream_request_body
class UploadHandler(ApiHandler):
    """PUT of an archive: received into the store's scratch folder, checked, then filed.

    Whoever isn't allowed is answered once the body has come and been thrown away: to close a
    connection with unread bytes in it is to risk that the answer gets lost. Who sends more than a
    submission may hold, doesn't say how much, or has too many uploads open is answered at once.
    """

    filed_status = 200
    _admission: Admission
    _refusal: Refused | None = None
    #: Whether an answer would come before the body.
    _is_early = True
    _incoming: Incoming | None = None
    _counted: str | None = None

    def admit(self) -> Admission:
        """Raise if the caller may not upload here; else say what is expected."""
        raise NotImplementedError

    def file(self, upload: Upload, contents: Contents) -> BaseModel:
        """Give the bytes their place in the store. Runs in a thread."""
        raise NotImplementedError

    async def prepare(self) -> None:
        is_upload = self.request.method == "PUT"
        try:
            await super().prepare()
            if is_upload:
                self._admission = self._admitted()
        except Refused as error:
            if not is_upload or not self._can_be_thrown_away():
                raise
            self._refusal = error
            self._accept(self._most_thrown_away())
        else:
            if is_upload:
                self._take_in()
        self._is_early = False

    def _admitted(self) -> Admission:
        admission = self.admit()
        limit = admission.limits.upload_bytes
        if self._announced_bytes() > limit:
            raise too_large(limit)
        return admission

    def _take_in(self) -> None:
        limit = self._admission.limits.upload_bytes
        self._count_in()
        self._accept(limit + _MARGIN)
        self._incoming = self.parts.store.incoming(limit)

    def data_received(self, chunk: bytes) -> None:
        # After a refusal tornado may still deliver what it had already read.
        if self._incoming is None:
            return
        try:
            self._incoming.write(chunk)
        except TooLarge as error:
            # First clean up, then answer: whoever reads the answer finds nothing left.
            self._let_go()
            self._is_early = True
            self.refuse(error)
        except Refused as error:
            self._let_go()
            self._refusal = error

    def refuse(self, error: Refused) -> None:
        if self._is_early:
            # Tornado closes the connection after an answer that didn't wait for the body, even
            # if there is none, and doesn't say so: the client's next request would be lost in it.
            self.set_header("Connection", "close")
        super().refuse(error)

    async def put(self, **_names: str) -> None:
        if self._refusal is not None:
            raise self._refusal
        # From here on the bytes are complete: they are filed even if the connection is lost,
        # and the client learns it from its next attempt.
        incoming, self._incoming = self._incoming, None
        if incoming is None:
            return
        announced = self._admission
        try:
            upload = await asyncio.to_thread(
                incoming.finish, sha256=announced.sha256, size=announced.size
            )
            contents = await asyncio.to_thread(check, upload.path, announced.limits.unpacked)
            record = await asyncio.to_thread(self.file, upload, contents)
        finally:
            incoming.discard()
        self.answer(record, self.filed_status)

    def on_finish(self) -> None:
        self._let_go()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self._let_go()

    def _can_be_thrown_away(self) -> bool:
        """Announced, and hardly larger than a submission. A chunked body has no announced size."""
        announced = "Content-Length" in self.request.headers
        return announced and self._announced_bytes() <= self._most_thrown_away()

    def _most_thrown_away(self) -> int:
        return self.parts.config.submissions.upload_bytes + _MARGIN

    def _accept(self, most_bytes: int) -> None:
        self.request.connection.set_max_body_size(most_bytes)  # type: ignore[union-attr]

    def _announced_bytes(self) -> int:
        announced = self.request.headers.get("Content-Length", "0")
        if not announced.isdecimal():
            raise Refused("The Content-Length is no number.", next_step="Send a number.")
        return int(announced)

    def _count_in(self) -> None:
        if self.parts.arriving[self.caller.name] >= self.parts.config.uploads_at_once:
            raise TooMany(
                "Other uploads of yours are still arriving.", next_step="Wait for them to finish."
            )
        self._counted = self.caller.name
        self.parts.arriving[self._counted] += 1

    def _let_go(self) -> None:
        if self._counted is not None:
            self.parts.arriving[self._counted] -= 1
            self._counted = None
        if self._incoming is not None:
            self._incoming.discard()
            self._incoming = None


class SubmissionUpload(UploadHandler):
    """PUT with a ticket: becomes a snapshot of the ticket's owner, once."""

    filed_status = 201
    ticket: Ticket

    def admit(self) -> Admission:
        username = self.caller.own_name()
        ticket_id = self.path_kwargs["ticket_id"]
        earlier = self.parts.store.submission_of_ticket(ticket_id)
        if earlier is not None and earlier.username == username:
            raise TicketUsed(earlier)
        self.ticket = self.parts.tickets.find(ticket_id, username)
        limits = self.parts.config.submissions
        return Admission(limits, self.ticket.sha256, self.ticket.size)

    def file(self, upload: Upload, contents: Contents) -> BaseModel:
        snapshot = self.parts.store.add_submission(upload, contents, self.ticket)
        self.parts.desk.arrivals.note(snapshot)
        return snapshot
