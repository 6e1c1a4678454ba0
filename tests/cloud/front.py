"""What stands in front of moto: the log, faults, credentials, permissions, dry runs."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.test import run_wsgi_app

from tests.cloud.api_call import Answer, Call, Refused, read_call, refusal, request_body
from tests.cloud.corrections import correction
from tests.cloud.faults import Close, Delay, Lose, Refuse
from tests.cloud.moto_speed import MotoApplication
from tests.cloud.permissions import require_allowed

if TYPE_CHECKING:
    from tests.cloud.cloud import Cloud

#: GET ADVANCE + SECONDS lets time pass in the cloud.
ADVANCE = "/cloud-of-the-tests/advance/"
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
_LOST = Refused("InternalError", "An internal error has occurred", 500)
_DRY = Refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)


#: What JSON services call the refusals that EC2 calls otherwise.
#: https://docs.aws.amazon.com/general/latest/gr/api-retries.html
_IN_JSON = {
    "RequestLimitExceeded": "ThrottlingException",
    "UnauthorizedOperation": "AccessDeniedException",
}


class ConnectionClosed(Exception):
    """The client gets no answer."""


class Front:
    """A WSGI application. Each request comes in a thread of its own."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._moto = MotoApplication()

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(ADVANCE):
            return self._advance(environ["PATH_INFO"], start)
        try:
            with self._cloud.under_way.one():
                call = read_call(environ)
                arrival = self._cloud.calls.arrived(call)
                answer, delay = self._answer(call, environ)
        except ConnectionClosed:
            self._cloud.calls.ended(arrival, "closed")
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError from None  # the server takes it for a client that left
        self._cloud.closing.wait(delay)
        self._cloud.calls.ended(arrival, answer.error_code or "ok")
        headers = [
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            ("x-amzn-RequestId", f"request-{arrival.number}"),
        ]
        start(f"{answer.status} {'OK' if answer.status < 400 else 'Error'}", headers)
        return [answer.body]

    def _advance(self, path: str, start: StartResponse) -> Iterable[bytes]:
        """For processes that wait in the cloud's time; no part of AWS."""
        self._cloud.advance(float(path.removeprefix(ADVANCE)))
        start("200 OK", [("Content-Length", "0")])
        return []

    def _answer(self, call: Call, environ: dict[str, Any]) -> tuple[Answer, float]:
        """The answer, as the fault that meets the call leaves it, and its delay in seconds."""
        call = self._cloud.with_facts(call)
        match self._cloud.faults.choose(call):
            case Refuse(code, status, message):
                return refusal(call, _in_words_of(call, Refused(code, message, status))), 0
            case Close():
                raise ConnectionClosed
            case Lose(closed):
                self._do(call, environ)
                if closed:
                    raise ConnectionClosed
                return refusal(call, _LOST), 0
            case Delay(seconds):
                return self._do(call, environ), seconds
            case None:
                return self._do(call, environ), 0

    def _do(self, call: Call, environ: dict[str, Any]) -> Answer:
        with self._cloud.lock:
            try:
                self._require_known_key(call)
                region = self._cloud.region(call.region)
                require_allowed(self._cloud.settings, region, call)
                if call.dry:
                    raise _DRY
                self._cloud.settle()
                answer = correction(call)(region, call, lambda one: self._ask_moto(one, environ))
                self._cloud.settle(changed=call.changes)
                return answer
            except Refused as refused:
                return refusal(call, refused)

    def _require_known_key(self, call: Call) -> None:
        """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""
        if call.access_key == self._cloud.access_key:
            return
        said = "AWS was not able to validate the provided access credentials"
        if call.service == "ec2":
            raise Refused("AuthFailure", said, 401)
        code = "UnrecognizedClientException" if call.in_json else "InvalidClientTokenId"
        raise Refused(code, said, 400 if call.in_json else 403)

    def _ask_moto(self, call: Call, environ: dict[str, Any]) -> Answer:
        asked = {
            **environ,
            **request_body(call),
            # moto's own way to tell accounts apart
            "HTTP_X_MOTO_ACCOUNT_ID": self._cloud.account,
        }
        application = self._moto.of(call.service, asked)
        with self._cloud.region(call.region).hiding(call):
            parts, status, headers = run_wsgi_app(application, asked, buffered=True)
        body = b"".join(parts)
        return Answer(int(status.split()[0]), body, headers.get("Content-Type", "text/xml"))


def _in_words_of(call: Call, refused: Refused) -> Refused:
    if call.in_json and refused.code in _IN_JSON:
        return Refused(_IN_JSON[refused.code], refused.message, 400)
    return refused
