"""What a browser does for a person: cookies, form tokens, redirects; and it counts what broke."""

from __future__ import annotations

import html
import re
import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from http.cookiejar import Cookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import websockets

from hub_config.rehearsal.errors import RobotStuck
from hub_config.rehearsal.kernel_channel import KernelChannel

REQUEST_SECONDS = 180
OPEN_SECONDS = 60
SERVER_ERROR = 500
#: A browser opens no more connections than that to one server.
CONNECTIONS = 6
#: Where the words of a page begin: after the hub's menu, if it has one.
_BEGINS = re.compile(r"<main\b|<body(?!.*<main\b)", re.DOTALL)
_MARKUP = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL)


@cache
def trust(certificate: Path | None) -> ssl.SSLContext:
    """Public authorities and `certificate`; read once, which costs more than a login."""
    context = ssl.create_default_context()
    if certificate is not None:
        context.load_verify_locations(certificate)
    return context


class Browser:
    """One browser of one person: a cookie jar of its own."""

    def __init__(self, address: str, certificate: Path | None = None) -> None:
        """`address` is the hub's, without a slash at its end."""
        self.address = address
        self._trust = trust(certificate)
        self.client = httpx.AsyncClient(
            base_url=address,
            follow_redirects=True,
            timeout=REQUEST_SECONDS,
            limits=httpx.Limits(max_connections=CONNECTIONS),
            trust_env=False,
            verify=self._trust,
            event_hooks={"response": [self._count]},
        )
        self.server_errors = 0

    async def close(self) -> None:
        await self.client.aclose()

    async def get(self, path: str) -> httpx.Response:
        answer = await self.client.get(path)
        check(answer, f"opening {urlsplit(str(answer.url)).path}")
        return answer

    async def load(self, path: str) -> None:
        """A file that nobody here reads: its bytes come and go."""
        async with self.client.stream("GET", path) as answer:
            async for _ in answer.aiter_raw():
                pass
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            raise RobotStuck(f"loading {urlsplit(path).path}: {answer.status_code}")

    async def post_form(self, path: str, form: dict[str, str]) -> httpx.Response:
        """The answer itself, also when it leads elsewhere."""
        return await self.client.post(path, data=form, follow_redirects=False)

    def form_token(self, path: str) -> str:
        """The XSRF token of the server below that path."""
        found = [c.value for c in self.client.cookies.jar if c.name == "_xsrf" and c.path == path]
        if not found or found[0] is None:
            raise RobotStuck(f"no form token for {path}")
        return found[0]

    def cookies(self, path: str) -> list[Cookie]:
        """Those that go with a request for that path."""
        return [cookie for cookie in self.client.cookies.jar if path.startswith(cookie.path)]

    async def open_channel(self, path: str) -> KernelChannel:
        """A websocket to a kernel; `path` is that of its channels, without a query."""
        parts = urlsplit(self.address)
        secure = parts.scheme == "https"
        session = uuid.uuid4().hex
        url = f"{'wss' if secure else 'ws'}://{parts.netloc}{path}?session_id={session}"
        cookies = "; ".join(f"{each.name}={each.value}" for each in self.cookies(path))
        socket = await websockets.connect(
            url,
            additional_headers={"Cookie": cookies},
            origin=websockets.Origin(self.address),
            max_size=2**24,
            open_timeout=OPEN_SECONDS,
            proxy=None,
            ssl=self._trust if secure else None,
            # Loopback gains nothing from it, and a class of robots would pay for it.
            compression=None,
        )
        return KernelChannel(socket, session)

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[httpx.Response]:
        """An event stream, as long as it takes."""
        timeout = httpx.Timeout(REQUEST_SECONDS, read=None)
        async with self.client.stream("GET", path, timeout=timeout) as answer:
            yield answer

    async def send(self, method: str, path: str, **how: Any) -> httpx.Response:
        return await self.client.request(method, path, **how)

    async def _count(self, answer: httpx.Response) -> None:
        self.server_errors += answer.status_code >= SERVER_ERROR


def check(answer: httpx.Response, what: str) -> None:
    """RobotStuck with the status and the beginning of what the page says."""
    if answer.status_code >= httpx.codes.BAD_REQUEST:
        raise RobotStuck(f"{what}: {answer.status_code} {said(answer)}")


def said(answer: httpx.Response) -> str:
    """The first words of an answer that a person would read, without its markup."""
    text = answer.text
    if begins := _BEGINS.search(text):
        text = html.unescape(_MARKUP.sub(" ", text[begins.start() :]))
    return " ".join(text.split())[:200]
