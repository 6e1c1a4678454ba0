"""The real proxy in front of a seat that answers, one that is gone, and the wall's own service."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from tornado.httpclient import HTTPClientError
from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler, websocket_connect
from traitlets.config import Config

from hub_config.install import ensure_routes, free_ports
from hub_config.jupyterhub_config import configure_proxy
from hub_config.render import traefik
from hub_config.settings import HubSettings, Ports, Secrets
from hub_config.traefik import WorkshopTraefik
from hub_config.wall.no_answer import NoAnswerPage
from tests.hub_config.fleet.linked_hosts import hub_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

A_BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
JUPYTERLAB = {"Accept": "*/*"}
#: More than a middleware that keeps what it passes on would let through in time.
UPLOAD_BYTES, FRAME_BYTES = 40 << 20, 12 << 20


class Status(RequestHandler):
    """Answers as JupyterLab's own API does when something is wrong."""

    def get(self, code: str) -> None:
        self.set_status(int(code))
        self.finish({"message": "of the server itself"})


class Upload(RequestHandler):
    def post(self) -> None:
        self.finish(str(len(self.request.body)))


class Slowly(RequestHandler):
    """One line now, one when the reader has read it."""

    def initialize(self, read: asyncio.Event) -> None:
        self.read = read

    async def get(self) -> None:
        self.write("first\n")
        with suppress(StreamClosedError):
            await self.flush()
            await self.read.wait()
            self.finish("second\n")


class Echo(WebSocketHandler):
    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, binary=isinstance(message, bytes))


@dataclass(frozen=True)
class Proxied:
    """Routes: the seat `ada` answers, `bob` and the hub are gone, a service is gone, too."""

    address: str
    page: HTTPServer
    first_line_was_read: asyncio.Event

    def client(self, headers: dict[str, str]) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.address, headers=headers, trust_env=False, timeout=60
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxied(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Proxied]:
    names = ("public", "hub", "proxy_api", "exchange", "formgrader", "wall")
    *own, seat_port, nobody = free_ports(len(names) + 2)
    ports = Ports(**dict(zip(names, own, strict=True)))
    settings = hub_settings(tmp_path_factory.mktemp("hub"), [], bind="127.0.0.1", ports=ports)
    page = HTTPServer(
        Application(
            [(r"/services/wall/no-answer/(\d+)", NoAnswerPage, {"copy_minutes": 5.0})],
            xsrf_cookies=True,
            cookie_secret="secret",
        )
    )
    page.listen(ports.wall, "127.0.0.1")
    first_line_was_read = asyncio.Event()
    seat = HTTPServer(
        Application(
            [
                (r"/user/ada/api/status/(\d+)", Status),
                (r"/user/ada/upload", Upload),
                (r"/user/ada/slowly", Slowly, {"read": first_line_was_read}),
                (r"/user/ada/echo", Echo, {}),
            ],
            websocket_max_message_size=2 * FRAME_BYTES,
        ),
        max_body_size=2 * UPLOAD_BYTES,
    )
    seat.listen(seat_port, "127.0.0.1")
    with running_traefik(settings):
        proxy = configured(settings)
        await proxy._start_external()
        for route, port in {
            "/": ports.hub,
            "/user/ada/": seat_port,
            "/user/bob/": nobody,
            "/services/formgrader/": nobody,
        }.items():
            await proxy.add_route(route, f"http://127.0.0.1:{port}", {})
        yield Proxied(f"http://127.0.0.1:{ports.public}", page, first_line_was_read)
    for server in (page, seat):
        server.stop()
        await server.close_all_connections()


def configured(settings: HubSettings) -> WorkshopTraefik:
    """As the hub has it from its own configuration."""
    config = Config()
    secrets = Secrets(**{name: f"secret-{name}" for name in Secrets.model_fields})
    configure_proxy(config, settings, secrets)
    return WorkshopTraefik(config=config)


@contextmanager
def running_traefik(settings: HubSettings) -> Iterator[None]:
    file = settings.state_home / "traefik.yaml"
    file.write_text(json.dumps(traefik(settings)))
    ensure_routes(settings.state_home / "routes", None)
    binary = Path(sys.executable).with_name("traefik")
    process = subprocess.Popen([binary, f"--configfile={file}"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def test_a_page_of_a_seat_that_is_away_is_in_words_and_tries_again(proxied: Proxied) -> None:
    async with proxied.client(A_BROWSER) as browser:
        answer = await browser.get("/user/bob/lab/tree/sums.ipynb?reset")
        assert answer.status_code == 502
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.headers["Refresh"] == "5"
        assert "Your seat does not answer" in answer.text
        assert "every 5 minutes" in answer.text
        # The hub's cookies have names and paths of their own; nothing may change them.
        assert "Set-Cookie" not in answer.headers
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        hub = await browser.get("/hub/home")
        assert hub.status_code == 502
        assert "The workshop does not answer" in hub.text


async def test_what_is_no_page_gets_its_error_in_json(proxied: Proxied) -> None:
    async with proxied.client(JUPYTERLAB) as lab:
        asked = await lab.get("/user/bob/api/kernels")
        saved = await lab.put("/user/bob/api/contents/sums.ipynb", content=b"x" * (1 << 20))
    for answer in (asked, saved):
        assert answer.status_code == 502
        assert answer.json()["message"] == "Your seat does not answer at the moment."
    address = proxied.address.replace("http", "ws")
    with pytest.raises(HTTPClientError) as refused:
        await websocket_connect(f"{address}/user/bob/api/kernels/1/channels")
    assert refused.value.code == 502


async def test_answers_of_a_seat_pass_as_they_are(proxied: Proxied) -> None:
    """Its own errors, long uploads, and what comes bit by bit."""
    async with proxied.client(A_BROWSER) as browser:
        for code in (200, 403, 404, 424, 500, 503):
            answer = await browser.get(f"/user/ada/api/status/{code}")
            assert answer.status_code == code
            assert answer.json() == {"message": "of the server itself"}
        sent = await browser.post("/user/ada/upload", content=b"x" * UPLOAD_BYTES)
        assert sent.text == str(UPLOAD_BYTES)
        async with browser.stream("GET", "/user/ada/slowly") as slowly:
            lines = slowly.aiter_lines()
            assert await anext(lines) == "first"
            proxied.first_line_was_read.set()
            assert await anext(lines) == "second"


async def test_websockets_pass_with_frames_of_every_size(proxied: Proxied) -> None:
    address = f"{proxied.address.replace('http', 'ws')}/user/ada/echo"
    socket = await websocket_connect(address, max_message_size=2 * FRAME_BYTES)
    for message in ("typed", b"x" * FRAME_BYTES):
        await socket.write_message(message, binary=isinstance(message, bytes))
        assert await socket.read_message() == message
    socket.close()


async def test_services_answer_for_themselves_and_nothing_breaks_without_the_page(
    proxied: Proxied,
) -> None:
    async with proxied.client(A_BROWSER) as browser:
        service = await browser.get("/services/formgrader/")
        assert (service.status_code, service.text) == (502, "Bad Gateway")
        proxied.page.stop()
        await proxied.page.close_all_connections()
        assert (await browser.get("/user/bob/lab")).status_code == 502
        assert (await browser.get("/user/ada/api/status/200")).status_code == 200
