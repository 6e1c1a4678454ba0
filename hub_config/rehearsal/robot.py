"""One robot attendee: everything a person does, over HTTP and websockets, at the public address."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx

from hub_config.rehearsal.browser import Browser, check, said
from hub_config.rehearsal.errors import RobotStuck
from hub_config.rehearsal.kernel_channel import KernelChannel
from hub_config.rehearsal.lab_page import core_of, files_of, is_first_script

START_SECONDS = 600
FEEDBACK_SECONDS = 900
_REFRESH = re.compile(r"(\d+);\s*url=(\S+)")
_OFFERED = re.compile(r'href="([^"]+\.html)"')
_FEEDBACK = "/services/exchange/feedback/"


class Robot(Browser):
    """A browser session with a seat code; knows its own name once it is in."""

    def __init__(self, address: str, code: str, certificate: Path | None = None) -> None:
        """`certificate` is believed besides those of public authorities."""
        super().__init__(address, certificate)
        self._code = code
        self.username = ""

    # --- at the hub -----------------------------------------------------------------

    async def log_in(self) -> None:
        """By seat code, through the login form."""
        await self.get("/hub/login")
        form = {"_xsrf": self.form_token("/hub/"), "username": "", "password": self._code}
        answer = await self.post_form("/hub/login", form)
        if not answer.is_redirect:
            raise RobotStuck(f"logging in: {answer.status_code} {said(answer)}")
        user = await self.send("GET", "/hub/api/user")
        check(user, "looking who is logged in")
        self.username = user.json()["name"]

    async def get_server(self) -> None:
        """What the hub shows after the login: a place in the queue, then JupyterLab's page."""
        async with asyncio.timeout(START_SECONDS):
            page = await self.get("/hub/spawn")
            while not page.url.path.startswith(self.path("")):
                page = await self.get(await self._wait_for_turn(page))
        self._page = page

    async def open_lab(self) -> int:
        """The files that JupyterLab's page names; how many were loaded."""
        files = list(files_of(self._page.text, str(self._page.url)))
        for each in files:
            if is_first_script(each):
                answer = await self.get(each)
                files += core_of(answer.text, str(answer.url))
            else:
                await self.load(each)
        return len(files)

    async def log_out(self) -> None:
        await self.get("/hub/logout")

    # --- in JupyterLab ----------------------------------------------------------------

    async def open_notebook(self, path: str, kernel: str) -> str:
        """Start a session with a kernel, as opening a notebook does; the kernel's id."""
        name = path.rpartition("/")[2]
        body = {"path": path, "name": name, "type": "notebook", "kernel": {"name": kernel}}
        session = await self.post("api/sessions", body)
        return str(session["kernel"]["id"])

    async def find_notebook(self, path: str) -> str:
        """The kernel of a notebook that is open already; RobotStuck when there is none."""
        answer = await self.get(self.path("api/sessions"))
        found = [each["kernel"]["id"] for each in answer.json() if each["path"] == path]
        if not found:
            raise RobotStuck("the kernel that was left running is gone")
        return str(found[0])

    async def connect(self, kernel: str) -> KernelChannel:
        return await self.open_channel(self.path(f"api/kernels/{kernel}/channels"))

    async def run_cell(self, kernel_name: str, code: str) -> str:
        """Start a kernel, run one cell over the websocket, end the kernel; its text output."""
        kernel = await self.post("api/kernels", {"name": kernel_name})
        try:
            channel = await self.connect(kernel["id"])
            try:
                return await channel.run(code)
            finally:
                await channel.close()
        finally:
            await self.send(
                "DELETE", self.path(f"api/kernels/{kernel['id']}"), headers=self.headers()
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

    async def wait_for_feedback(self) -> None:
        """Keep the page of the menu *Feedback* open until it turns into the feedback."""
        async with asyncio.timeout(FEEDBACK_SECONDS):
            page = await self.get(f"{_FEEDBACK}newest")
            while not page.url.path.endswith(".html"):
                again = _REFRESH.fullmatch(page.headers.get("Refresh", ""))
                if offered := _OFFERED.search(page.text):
                    page = await self.get(str(page.url.join(offered.group(1))))
                elif again is None:
                    raise RobotStuck(f"no feedback comes: {said(page)}")
                else:
                    await asyncio.sleep(int(again.group(1)))
                    page = await self.get(str(page.url.join(again.group(2))))

    async def read_notebook(self, path: str) -> dict[str, Any]:
        answer = await self.get(self.path(f"api/contents/{path}?content=1&type=notebook"))
        notebook: dict[str, Any] = answer.json()["content"]
        return notebook

    async def write_notebook(self, path: str, notebook: dict[str, Any]) -> None:
        body = {"type": "notebook", "format": "json", "content": notebook}
        where = self.path(f"api/contents/{path}")
        check(await self.send("PUT", where, json=body, headers=self.headers()), f"saving {path}")

    async def validate(self, path: str) -> bool:
        """nbgrader's Validate button: True when every visible check passes."""
        answer = await self.post("assignments/validate", {"path": path})
        if not answer["success"]:
            raise RobotStuck(f"validating {path}: {answer['value'][-200:]}")
        return not answer["value"]

    # --- addresses --------------------------------------------------------------------

    def path(self, rest: str) -> str:
        """Below the seat's own server."""
        return f"/user/{self.username}/{rest}"

    def headers(self) -> dict[str, str]:
        """What the seat's own server wants to see with everything that changes something."""
        return {"X-XSRFToken": self.form_token(f"/user/{self.username}/")}

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """JSON to the seat's own server, JSON back."""
        answer = await self.send("POST", self.path(path), json=body, headers=self.headers())
        check(answer, path)
        content: dict[str, Any] = answer.json()
        return content

    # --- inside -----------------------------------------------------------------------

    async def _wait_for_turn(self, page: httpx.Response) -> str:
        """Follow the waiting page's events; the address that it then opens."""
        if "spawn-pending" not in page.url.path:
            raise RobotStuck(f"asking for a server: {said(page)}")
        token = self.form_token("/hub/")
        events = f"/hub/api/users/{self.username}/server/progress?_xsrf={token}"
        async with self.stream(events) as answer:
            if answer.status_code != httpx.codes.OK:
                # It became ready between the page and this question: look again.
                return "/hub/spawn"
            async for line in answer.aiter_lines():
                event = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                if event.get("failed"):
                    raise RobotStuck(f"the server did not start: {event['message']}")
                if event.get("ready"):
                    return str(event["url"])
        return "/hub/spawn"

    async def _assignment(self, action: str, course: str, lab: str) -> dict[str, Any]:
        body = {"course_id": course, "assignment_id": lab}
        answer = await self.post(f"assignments/{action}", body)
        if not answer.get("success", True):
            raise RobotStuck(f"{action} {lab}: {str(answer.get('value'))[-300:]}")
        return answer
