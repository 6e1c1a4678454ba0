"""What all handlers of the exchange share: their parts, the caller, refusals as JSON."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from tornado.web import RequestHandler

from hub_config.exchange.config import ServiceConfig
from hub_config.exchange.errors import NotThere, Refused
from hub_config.exchange.grading_desk import GradingDesk
from hub_config.exchange.identity import Caller, Identity
from hub_config.exchange.records import AssignmentName, EntryId, Username
from hub_config.exchange.store import Store
from hub_config.exchange.tickets import Tickets

_CHUNK = 1 << 18
_NAME: dict[str, TypeAdapter[str]] = {
    "assignment": TypeAdapter(AssignmentName),
    "username": TypeAdapter(Username),
    "entry": TypeAdapter(EntryId),
}
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Parts:
    """What the handlers work with, made once by the service."""

    config: ServiceConfig
    store: Store
    tickets: Tickets
    identity: Identity
    desk: GradingDesk = field(default_factory=GradingDesk)
    # Uploads that are arriving now, by user.
    arriving: Counter[str] = field(default_factory=Counter)


class ApiHandler(RequestHandler):
    """A JSON request by a token. Subclasses find the caller in `self.caller`."""

    caller: Caller

    def initialize(self, parts: Parts) -> None:
        self.parts = parts

    async def prepare(self) -> None:
        self.caller = await self.parts.identity.by_token(self)
        # Names come out of the URL decoded, so they must be checked after that.
        for kind, value in self.path_kwargs.items():
            if kind in _NAME:
                check_name(kind, value)

    def set_default_headers(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")

    def answer(self, record: BaseModel, status: int = 200) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(record.model_dump_json())

    async def send_archive(self, path: Path, sha256: str) -> None:
        """Send an archive piece by piece."""
        self.set_header("Content-Type", "application/zip")
        self.set_header("Content-Length", str(path.stat().st_size))
        self.set_header("X-Sha256", sha256)
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK):
                self.write(chunk)
                await self.flush()

    def json_body(self, model: type[M]) -> M:
        try:
            return model.model_validate_json(self.request.body)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            raise Refused(
                f"The request can't be used: {where}: {first['msg']}.",
                next_step=f"Send JSON with: {', '.join(model.model_fields)}.",
            ) from None

    def refuse(self, error: Refused) -> None:
        """Answer with a refusal, at any moment of the request."""
        self.set_status(error.status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(error.as_json()))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        # Tornado hands every exception to this method as a 500; a refusal knows better.
        error = kwargs.get("exc_info", (None, None))[1]
        if not isinstance(error, Refused):
            error = _unforeseen(status_code)
        self.refuse(error)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if not isinstance(value, Refused):
            super().log_exception(typ, value, tb)


class NothingHere(ApiHandler):
    """Any other address below the API."""

    async def prepare(self) -> None:
        raise NotThere("There is nothing at this address.", next_step="Check the address.")


def check_name(kind: str, value: str) -> None:
    """Refuse what can't be the name of an assignment, a user or an entry."""
    try:
        _NAME[kind].validate_python(value)
    except ValidationError:
        raise NotThere(
            f"There is no {kind} named {value[:80]!r}.", next_step="List what there is."
        ) from None


def _unforeseen(status: int) -> Refused:
    error = Refused("The exchange couldn't answer.", next_step="Try again; else ask an assistant.")
    error.status = status
    error.code = "failed" if status >= 500 else "bad-request"
    return error
