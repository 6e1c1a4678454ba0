"""A light stand-in for one seat's single-user server: as the hub, the proxy and a browser see it.

The login at the hub, JupyterLab's page with scripts of its real size, a session with a kernel
over a websocket, fetching and submitting through the real exchange. No kernel computes: the
answer to every cell is the sum that robots ask for.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler, HubOAuthenticated
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler, authenticated
from tornado.websocket import WebSocketHandler

from hub_config.exchange.client import Address, ExchangeClient
from hub_config.rehearsal.first_cell import SUM

#: About what JupyterLab 4.6 sends: its first script, and its core.
MAIN_BYTES, CORE_BYTES = 240_000, 2_600_000
_MARK = "00112233445566ff"
_NAMES = f'(5448===e?"jlab_core":e)+"."+({{5448:"{_MARK}"}})[e]'
MAIN = (_NAMES + " " * MAIN_BYTES).encode()
CORE = b"c" * CORE_BYTES
ANSWER = f"{SUM} cpu(0)\n"
#: The exchange's client blocks; so many seats talk to it at the same time.
_CLIENTS = ThreadPoolExecutor(16)


@dataclass
class Seat:
    """One seat: who sits there, its notebook, its open sessions."""

    username: str
    prefix: str
    auth: HubOAuth
    exchange: ExchangeClient
    notebooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Seat:
        """As the hub describes it to the server that it starts."""
        prefix = environment["JUPYTERHUB_SERVICE_PREFIX"]
        auth = HubOAuth(
            api_url=environment["JUPYTERHUB_API_URL"],
            api_token=environment["JUPYTERHUB_API_TOKEN"],
            base_url=prefix,
            hub_host="",
            hub_prefix="/hub/",
            oauth_client_id=environment["JUPYTERHUB_CLIENT_ID"],
            oauth_redirect_uri=environment["JUPYTERHUB_OAUTH_CALLBACK_URL"],
            access_scopes=set(json.loads(environment["JUPYTERHUB_OAUTH_ACCESS_SCOPES"])),
        )
        return cls(
            environment["JUPYTERHUB_USER"],
            prefix,
            auth,
            ExchangeClient(Address.from_environment(environment)),
        )

    def fetch(self, lab: str) -> None:
        view = next(each for each in self.exchange.overview().assignments if each.release)
        assert view.release is not None
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "lab.zip")
            self.exchange.fetch_release(view.release, archive)
            with zipfile.ZipFile(archive) as packed:
                self.notebooks[f"{lab}/{lab}.ipynb"] = json.loads(packed.read(f"{lab}.ipynb"))

    def submit(self, lab: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "lab.zip")
            with zipfile.ZipFile(archive, "w") as packed:
                packed.writestr(f"{lab}.ipynb", json.dumps(self.notebooks[f"{lab}/{lab}.ipynb"]))
            self.exchange.submit(lab, archive)


class _Page(HubOAuthenticated, RequestHandler):  # type: ignore[misc]
    """For the seat's own person, asked of the hub without blocking the others."""

    def initialize(self, seat: Seat) -> None:
        self.seat = seat
        self.hub_auth = seat.auth

    async def prepare(self) -> None:
        await self.hub_auth.get_user(self, sync=False)

    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.request.body)
        return found


class _Callback(HubOAuthCallbackHandler):  # type: ignore[misc]
    def initialize(self, seat: Seat) -> None:
        self.hub_auth = seat.auth

    async def prepare(self) -> None:
        await self.hub_auth.get_user(self, sync=False)


class _Alive(RequestHandler):
    def initialize(self, seat: Seat) -> None:
        self.seat = seat

    def get(self) -> None:
        self.finish({"version": "stand-in"})


class _Start(_Page):
    @authenticated
    def get(self) -> None:
        self.redirect(f"{self.seat.prefix}lab")


class _Lab(_Page):
    @authenticated
    def get(self) -> None:
        self.xsrf_token  # noqa: B018 - reading it sets the cookie
        self.finish(
            f"<html><script defer src='{self.seat.prefix}static/lab/main.{_MARK}.js'></script>"
            "<body></body></html>"
        )


class _Script(_Page):
    def get(self, name: str) -> None:
        self.finish(MAIN if name.startswith("main.") else CORE)


class _Sessions(_Page):
    @authenticated
    def get(self) -> None:
        self.finish(json.dumps(self.seat.sessions))

    @authenticated
    def post(self) -> None:
        session = {"path": self.body()["path"], "kernel": {"id": secrets.token_hex(16)}}
        self.seat.sessions.append(session)
        self.set_status(201)
        self.finish(session)


class _Contents(_Page):
    @authenticated
    def get(self, path: str) -> None:
        self.finish({"content": self.seat.notebooks[path]})

    @authenticated
    def put(self, path: str) -> None:
        self.seat.notebooks[path] = self.body()["content"]
        self.finish({})


class _Assignments(_Page):
    @authenticated
    async def post(self, action: str) -> None:
        act = self.seat.fetch if action == "fetch" else self.seat.submit
        lab = self.body()["assignment_id"]
        await asyncio.get_running_loop().run_in_executor(_CLIENTS, act, lab)
        self.finish({"success": True, "value": []})


class _Channel(_Page, WebSocketHandler):
    """Answers every cell at once."""

    @authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        await WebSocketHandler.get(self, *args, **kwargs)

    def check_origin(self, _origin: str) -> bool:
        return True

    async def on_message(self, message: str | bytes) -> None:
        asked = json.loads(message)["header"]
        stream = {"name": "stdout", "text": ANSWER}
        for kind, content in (("stream", stream), ("status", {"execution_state": "idle"})):
            told = {"msg_type": kind, "parent_header": asked, "content": content}
            await self.write_message(json.dumps(told))


def application(seat: Seat) -> Application:
    """The seat's routes."""
    given = {"seat": seat}
    base = seat.prefix
    return Application(
        [
            (rf"{base}", _Start, given),
            (rf"{base}lab", _Lab, given),
            (rf"{base}static/lab/(.*)", _Script, given),
            (rf"{base}oauth_callback", _Callback, given),
            (rf"{base}api", _Alive, given),
            (rf"{base}api/sessions", _Sessions, given),
            (rf"{base}api/contents/(.*)", _Contents, given),
            (rf"{base}api/kernels/[^/]+/channels", _Channel, given),
            (rf"{base}assignments/(fetch|submit)", _Assignments, given),
        ],
        cookie_secret=secrets.token_bytes(32),
        websocket_ping_interval=30,
    )


async def serve(environment: Mapping[str, str], port: int) -> HTTPServer:
    """Listen as the seat's server would, and report activity to the hub as it does at its start."""
    seat = Seat.of(environment)
    server = application(seat).listen(port, "127.0.0.1")
    await _report(environment)
    return server


async def _report(environment: Mapping[str, str]) -> None:
    now = datetime.now(UTC).isoformat()
    url = environment["JUPYTERHUB_ACTIVITY_URL"]
    if not urlsplit(url).netloc:
        return
    body = json.dumps({"servers": {"": {"last_activity": now}}, "last_activity": now})
    headers = {"Authorization": f"token {environment['JUPYTERHUB_API_TOKEN']}"}
    await AsyncHTTPClient().fetch(
        HTTPRequest(url, method="POST", body=body, headers=headers), raise_error=False
    )
