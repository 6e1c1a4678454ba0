"""The exchange as its clients see it: nbgrader's plug-ins in the seats and at the grader."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from hub_config.exchange.grading_desk import ArrivalsAnswer, ArrivalsQuestion
from hub_config.exchange.records import (
    AssignmentView,
    Feedback,
    Overview,
    Record,
    Release,
    Snapshot,
    SubmissionView,
    TicketAnswer,
    TicketRequest,
)
from provisioning.errors import NotPossibleHere, WorkshopError

URL_VARIABLE = "WORKSHOP_EXCHANGE_URL"
TOKEN_VARIABLE = "JUPYTERHUB_API_TOKEN"  # noqa: S105  (the name, not the token)

# Long enough for the supervisor to start the service again. All requests may be repeated:
# reading changes nothing, and an upload counts once per ticket.
_PAUSES = (0.5, 1, 2, 4, 8)
_TIMEOUT = (5, 120)
_COME_AGAIN = (502, 503, 504)
# The last is an answer that breaks off; requests counts it as no connection error.
_BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
_CHUNK = 1 << 18


class Unreachable(WorkshopError):
    """Nobody answers at the exchange's address."""


class ServiceRefused(WorkshopError):
    """The exchange said no; `code` says why."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(
            str(body.get("message", f"The exchange answered with error {status}.")),
            next_step=str(body.get("remedy", "Try again; if it stays, tell an assistant.")),
        )
        self.status = status
        self.code = str(body.get("error", "failed"))
        self.body = body


@dataclass(frozen=True)
class Address:
    """Where the exchange is and the token to show it. The token stays out of messages."""

    url: str
    token: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Address:
        missing = [name for name in (URL_VARIABLE, TOKEN_VARIABLE) if not environ.get(name)]
        if missing:
            raise NotPossibleHere(
                f"The exchange can't be used from here: {' and '.join(missing)} isn't set.",
                next_step="Work in a seat of the workshop, opened through its hub.",
            )
        return cls(environ[URL_VARIABLE].rstrip("/"), environ[TOKEN_VARIABLE])


class ExchangeClient:
    """One method per thing to do. Raises Unreachable or ServiceRefused."""

    def __init__(self, address: Address, sleep: Callable[[float], None] = time.sleep) -> None:
        self._address = address
        self._sleep = sleep
        self._session = requests.Session()
        # A ~/.netrc or proxy setting of the account must not change who we are or where we go.
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"token {address.token}"

    def overview(self) -> Overview:
        return Overview.model_validate_json(self._call("GET", "api/assignments").content)

    # --- attendees --------------------------------------------------------------------------

    def submit(self, assignment: str, archive: Path) -> Snapshot:
        """Upload; exactly one snapshot comes of it, however often the connection breaks."""
        digest = _sha256(archive)
        request = TicketRequest(assignment=assignment, size=archive.stat().st_size, sha256=digest)
        attempts = len(_PAUSES)
        for attempt in range(attempts):
            ticket = self._ticket(request)
            try:
                answer = self._call("PUT", f"api/uploads/{ticket.ticket}", body=archive)
                return Snapshot.read(answer.content)
            except ServiceRefused as refusal:
                # The answer to an earlier try was lost, but that try was filed.
                if refusal.code == "ticket-used":
                    return Snapshot.model_validate(refusal.body["submission"])
                # The service was restarted and has forgotten the ticket, unused.
                if refusal.code != "ticket-gone" or attempt == attempts - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _ticket(self, request: TicketRequest) -> TicketAnswer:
        answer = self._call("POST", "api/tickets", json=request.model_dump())
        return TicketAnswer.model_validate_json(answer.content)

    def fetch_release(self, release: Release, target: Path) -> None:
        self._download(f"api/releases/{_quoted(release.assignment)}", release, target)

    def fetch_feedback(self, feedback: Feedback, target: Path) -> None:
        where = _quoted(feedback.assignment, feedback.username, feedback.snapshot)
        self._download(f"api/feedback/{where}", feedback, target)

    # --- instructors ------------------------------------------------------------------------

    def submissions(self, assignment: str) -> tuple[SubmissionView, ...]:
        """All attendees' snapshots of an assignment."""
        answer = self._call("GET", f"api/submissions/{_quoted(assignment)}")
        return AssignmentView.model_validate_json(answer.content).submissions

    def arrivals(self, question: ArrivalsQuestion) -> ArrivalsAnswer:
        """What was handed in after a mark; the answer may take as long as the question says."""
        answer = self._call("POST", "api/arrivals", json=question.model_dump(mode="json"))
        return ArrivalsAnswer.model_validate_json(answer.content)

    def fetch_submission(self, snapshot: Snapshot, target: Path) -> None:
        where = _quoted(snapshot.assignment, snapshot.username, snapshot.id)
        self._download(f"api/submissions/{where}", snapshot, target)

    def put_release(self, assignment: str, archive: Path) -> Release:
        answer = self._call("PUT", f"api/releases/{_quoted(assignment)}", body=archive)
        return Release.read(answer.content)

    def withdraw_release(self, assignment: str) -> Release:
        return Release.read(self._call("DELETE", f"api/releases/{_quoted(assignment)}").content)

    def put_feedback(
        self, assignment: str, username: str, snapshot_id: str, archive: Path
    ) -> Feedback:
        where = _quoted(assignment, username, snapshot_id)
        return Feedback.read(self._call("PUT", f"api/feedback/{where}", body=archive).content)

    # --- transport --------------------------------------------------------------------------

    def _call(
        self,
        method: str,
        path: str,
        *,
        json: dict[str, Any] | None = None,
        body: Path | None = None,
        into: Path | None = None,
    ) -> requests.Response:
        """`body` is the file to send, `into` the one that the answer is written to."""
        for pause in (*_PAUSES, None):
            try:
                answer = self._once(method, path, json, body, into)
            except _BROKEN:
                if pause is None:
                    raise self._unreachable() from None
            else:
                if answer.status_code not in _COME_AGAIN or pause is None:
                    return _accepted(answer)
            self._sleep(pause)
        raise AssertionError("the last pause is None")

    def _once(
        self,
        method: str,
        path: str,
        json: dict[str, Any] | None,
        body: Path | None,
        into: Path | None,
    ) -> requests.Response:
        with ExitStack() as stack:
            data = stack.enter_context(body.open("rb")) if body else None
            headers = {"X-Sha256": _sha256(body)} if body else {}
            answer = self._session.request(
                method,
                f"{self._address.url}/{path}",
                json=json,
                data=data,
                headers=headers,
                stream=into is not None,
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
            if into is not None:
                _write(stack.enter_context(answer), into)
            return answer

    def _download(self, path: str, record: Record, target: Path) -> None:
        """Fetch an archive and make sure that it is the recorded one."""
        self._call("GET", path, into=target)
        if _sha256(target) != record.sha256:
            raise WorkshopError(
                "What arrived isn't what the exchange has on record.", next_step="Try again."
            )

    def _unreachable(self) -> Unreachable:
        return Unreachable(
            f"The exchange at {self._address.url} doesn't answer. Your files are untouched.",
            next_step="Try again in a minute; if it stays, tell an assistant.",
        )


def _accepted(answer: requests.Response) -> requests.Response:
    if answer.ok and not answer.is_redirect:
        return answer
    try:
        body = answer.json()
    except requests.JSONDecodeError:
        body = None
    raise ServiceRefused(answer.status_code, body if isinstance(body, dict) else {})


def _write(answer: requests.Response, target: Path) -> None:
    """An archive goes into the file piece by piece; any other answer is small and is kept."""
    if answer.status_code != requests.codes.ok:
        answer.content  # noqa: B018  (reads it)
        return
    with target.open("wb") as file:
        for chunk in answer.iter_content(_CHUNK):
            file.write(chunk)


def _quoted(*names: str) -> str:
    return "/".join(quote(name, safe="") for name in names)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
