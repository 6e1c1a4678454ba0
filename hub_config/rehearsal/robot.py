"""One robot attendee: everything a person's browser does, over HTTP and websockets."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import websockets

from hub_config.rehearsal.errors import RobotStuck

START_SECONDS = 600
CELL_SECONDS = 120
REQUEST_SECONDS = 180


@dataclass
class Journey:
    """What one robot did, in order, and how long each step took."""

    username: str
    steps: list[tuple[str, float]] = field(default_factory=list)
    problem: str = ""

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        started = time.monotonic()
        yield
        self.steps.append((name, time.monotonic() - started))


class Robot:
    """A browser session of its own: cookies, XSRF tokens, one kernel."""

    def __init__(self, address: str, code: str, certificate: Path | None = None) -> None:
        """`certificate` is believed besides those of public authorities."""
        self._address = address
        self._code = code
        self._trust = ssl.create_default_context()
        if certificate is not None:
            self._trust.load_verify_locations(certificate)
        self._client = httpx.AsyncClient(
            base_url=address,
            follow_redirects=True,
            timeout=REQUEST_SECONDS,
            trust_env=False,
            verify=self._trust,
        )
        self.username = ""

    async def close(self) -> None:
        await self._client.aclose()

    async def log_in(self) -> None:
        """By seat code, through the login form."""
        await self._get("/hub/login")
        form = {"_xsrf": self._xsrf("/hub/"), "username": "", "password": self._code}
        answer = await self._client.post("/hub/login", data=form)
        user = await self._client.get("/hub/api/user")
        if user.status_code != httpx.codes.OK:
            raise RobotStuck(f"the seat code was not accepted ({answer.status_code})")
        self.username = user.json()["name"]
        # A page of the hub, as a browser would show: it brings the form token of this login.
        await self._get("/hub/home")

    async def get_server(self) -> None:
        """Ask for the server, wait for a turn, then enter it (the OAuth round trip)."""
        headers = {"X-XSRFToken": self._xsrf("/hub/")}
        path = f"/hub/api/users/{self.username}/server"
        answer = await self._client.post(path, json={}, headers=headers)
        # 400: it runs already.
        if answer.status_code not in (201, 202, 400):
            raise RobotStuck(f"asking for a server: {answer.status_code} {answer.text[:200]}")
        deadline = time.monotonic() + START_SECONDS
        while not await self._server_ready():
            if time.monotonic() > deadline:
                raise RobotStuck(f"no server within {START_SECONDS} s")
            await asyncio.sleep(0.5)
        await self.open_lab()

    async def open_lab(self) -> int:
        """The page of JupyterLab and the scripts it names; returns how many were loaded."""
        page = await self._get(self._path("lab"))
        scripts = re.findall(r'<script[^>]+src="([^"]+)"', page.text)
        for script in scripts:
            await self._get(urljoin(str(page.url), script))
        return len(scripts)

    async def run_cell(self, kernel_name: str, code: str) -> str:
        """Start a kernel, run one cell over the websocket, end the kernel; its text output."""
        kernel = await self._post("api/kernels", {"name": kernel_name})
        try:
            return await asyncio.wait_for(self._execute(kernel["id"], code), CELL_SECONDS)
        finally:
            await self._client.delete(
                self._path(f"api/kernels/{kernel['id']}"), headers=self._headers()
            )

    async def fetch(self, course: str, lab: str) -> None:
        await self._assignment("fetch", course, lab)

    async def submit(self, course: str, lab: str) -> None:
        await self._assignment("submit", course, lab)

    async def fetch_feedback(self, course: str, lab: str) -> bool:
        """True when feedback for the latest submission has arrived in the home."""
        answer = await self._assignment("fetch_feedback", course, lab)
        submissions = [
            submission
            for row in answer["value"]
            if row["assignment_id"] == lab
            for submission in row.get("submissions", [])
        ]
        return any(submission.get("has_local_feedback") for submission in submissions)

    async def read_notebook(self, path: str) -> dict[str, Any]:
        answer = await self._get(self._path(f"api/contents/{path}?content=1&type=notebook"))
        notebook: dict[str, Any] = answer.json()["content"]
        return notebook

    async def write_notebook(self, path: str, notebook: dict[str, Any]) -> None:
        body = {"type": "notebook", "format": "json", "content": notebook}
        answer = await self._client.put(
            self._path(f"api/contents/{path}"), json=body, headers=self._headers()
        )
        _check(answer, f"saving {path}")

    async def validate(self, path: str) -> bool:
        """nbgrader's Validate button: True when every visible check passes."""
        answer = await self._post("assignments/validate", {"path": path})
        if not answer["success"]:
            raise RobotStuck(f"validating {path}: {answer['value'][-200:]}")
        return not answer["value"]

    # --- inside ---------------------------------------------------------------------

    async def _assignment(self, action: str, course: str, lab: str) -> dict[str, Any]:
        body = {"course_id": course, "assignment_id": lab}
        answer = await self._post(f"assignments/{action}", body)
        if not answer.get("success", True):
            raise RobotStuck(f"{action} {lab}: {str(answer.get('value'))[-300:]}")
        return answer

    async def _execute(self, kernel: str, code: str) -> str:
        parts = urlsplit(self._address)
        scheme = "wss" if parts.scheme == "https" else "ws"
        session = uuid.uuid4().hex
        path = self._path(f"api/kernels/{kernel}/channels?session_id={session}")
        url = f"{scheme}://{parts.netloc}{path}"
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._cookies(path))
        async with websockets.connect(
            url,
            additional_headers={"Cookie": cookies},
            origin=websockets.Origin(self._address),
            max_size=2**24,
            proxy=None,
            ssl=self._trust if scheme == "wss" else None,
        ) as socket:
            request = _execute_request(session, code)
            await socket.send(json.dumps(request))
            return await _output(socket, request["header"]["msg_id"])

    async def _server_ready(self) -> bool:
        answer = await self._client.get(f"/hub/api/users/{self.username}")
        _check(answer, "looking at the seat")
        server = answer.json().get("servers", {}).get("")
        if server is None:
            raise RobotStuck("the server ended while it was starting")
        return bool(server["ready"])

    async def _get(self, path: str) -> httpx.Response:
        answer = await self._client.get(path)
        _check(answer, f"opening {urlsplit(str(answer.url)).path}")
        return answer

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self._client.post(self._path(path), json=body, headers=self._headers())
        _check(answer, path)
        content: dict[str, Any] = answer.json()
        return content

    def _headers(self) -> dict[str, str]:
        return {"X-XSRFToken": self._xsrf(f"/user/{self.username}/")}

    def _path(self, rest: str) -> str:
        return f"/user/{self.username}/{rest}"

    def _xsrf(self, path: str) -> str:
        found = [c.value for c in self._client.cookies.jar if c.name == "_xsrf" and c.path == path]
        if not found or found[0] is None:
            raise RobotStuck(f"no form token for {path}")
        return found[0]

    def _cookies(self, path: str) -> list[Any]:
        return [cookie for cookie in self._client.cookies.jar if path.startswith(cookie.path)]


def _check(answer: httpx.Response, what: str) -> None:
    if answer.status_code >= httpx.codes.BAD_REQUEST:
        raise RobotStuck(f"{what}: {answer.status_code} {answer.text[:200]}")


def _execute_request(session: str, code: str) -> dict[str, Any]:
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "username": "",
        "session": session,
        "version": "5.3",
        "date": "",
    }
    content = {
        "code": code,
        "silent": False,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    return {
        "channel": "shell",
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "buffers": [],
    }


async def _output(socket: Any, request: str) -> str:
    """The cell's text until the kernel is idle again; an error in the cell is text too."""
    text: list[str] = []
    async for frame in socket:
        message = json.loads(frame)
        if message.get("parent_header", {}).get("msg_id") != request:
            continue
        content = message["content"]
        match message["msg_type"]:
            case "stream":
                text.append(content["text"])
            case "execute_result":
                text.append(content["data"].get("text/plain", ""))
            case "error":
                text.append(f"{content['ename']}: {content['evalue']}")
            case "status" if content["execution_state"] == "idle":
                return "".join(text)
    raise RobotStuck("the kernel's connection closed in the middle of a cell")
