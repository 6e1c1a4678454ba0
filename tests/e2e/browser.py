"""Chromium at a workshop: one visitor per person, and what they do in JupyterLab.

Every visitor keeps a record of what went wrong, and of every request that left the hub.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Response,
    sync_playwright,
)

CHROMIUM = "/usr/bin/chromium"
LAPTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 760}
#: A seat starts, a kernel imports MXNet, and other tests want the cores too.
PATIENCE_MILLISECONDS = 120_000

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


@dataclass
class Visitor:
    """One person at one device. `complaints` holds console errors and failed requests."""

    page: Page
    address: str
    images: Path
    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> int:
        """Go to a path of the hub; the status of the page that came.

        From a page that stays: one that goes on by itself (as "Your seat is being made ready"
        does) can do so meanwhile, and then Playwright doesn't know whose answer came.
        """
        response = self.page.goto(self.address + path)
        assert response is not None, "the page before went elsewhere by itself meanwhile"
        return response.status

    def enter(self, code: str) -> None:
        """Type the seat code on the first page."""
        self.open("/")
        self.page.get_by_label("Seat code").fill(code)
        self.page.get_by_role("button", name="Enter").click()

    def shoot(self, name: str, height: int | None = None) -> None:
        """A picture of what is seen, once nothing moves any more; with a height, of its top."""
        self.page.wait_for_timeout(700)
        seen = self.page.viewport_size
        assert seen is not None
        part = {"x": 0, "y": 0, "width": seen["width"], "height": height or seen["height"]}
        self.page.screenshot(path=self.images / f"{name}.png", clip=part)  # type: ignore[arg-type]

    def listen(self, context: BrowserContext) -> None:
        origin = urlsplit(self.address).netloc

        def request(url: str) -> None:
            parts = urlsplit(url)
            if parts.scheme not in ("data", "blob", "about") and parts.netloc != origin:
                self.outside.append(url)

        def response(answer: Response) -> None:
            if answer.status >= 400:
                self.complaints.append(f"{answer.status} {answer.url}")

        def console(message: ConsoleMessage) -> None:
            # A failed request is known already, with its address.
            if message.type == "error" and not message.text.startswith("Failed to load resource"):
                self.complaints.append(message.text)

        context.on("request", lambda each: request(each.url))
        context.on("response", response)
        context.on("console", console)
        context.on("weberror", lambda each: self.complaints.append(str(each.error)))


MakeVisitor = Callable[..., Visitor]


@contextmanager
def chromium(address: str, images: Path, authority: Path | None = None) -> Iterator[MakeVisitor]:
    """Visitors without cookies; at the end no request may have gone anywhere but to the hub.

    `authority`: a certificate that these browsers believe besides those of public authorities.
    """
    visitors: list[Visitor] = []
    images.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="browser-") as home, sync_playwright() as playwright:
        if authority:
            believe(authority, Path(home))
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu"],
            env={**os.environ, "HOME": home},
        )

        def visit(viewport: dict[str, int] = LAPTOP) -> Visitor:
            context = browser.new_context(viewport=viewport)  # type: ignore[arg-type]
            context.set_default_timeout(PATIENCE_MILLISECONDS)
            visitor = Visitor(context.new_page(), address, images)
            visitor.listen(context)
            visitors.append(visitor)
            return visitor

        try:
            yield visit
        finally:
            browser.close()
    assert [url for visitor in visitors for url in visitor.outside] == []


def believe(authority: Path, home: Path) -> None:
    """What a person does who imports a certificate: Chromium looks into this store of her home."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    certutil = ("certutil", "-d", f"sql:{store}")
    subprocess.run([*certutil, "-N", "--empty-password"], check=True)
    name_and_trust = ("-n", "workshop", "-t", "C,,")
    subprocess.run([*certutil, "-A", *name_and_trust, "-i", str(authority)], check=True)


class BrowserThread:
    """Where Playwright runs for a test that has an event loop: it wants a thread without one."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread

    async def do(
        self, step: Callable[Given, Answer], *args: Given.args, **kwargs: Given.kwargs
    ) -> Answer:
        """Everything that is done with a visitor, one after the other."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(step, *args, **kwargs))


@asynccontextmanager
async def chromium_beside(
    address: str, images: Path, authority: Path | None = None
) -> AsyncIterator[tuple[BrowserThread, MakeVisitor]]:
    """`chromium` for such a test: visitors are made, and do all that they do, in the thread."""
    with ThreadPoolExecutor(1) as thread:
        beside, browser = BrowserThread(thread), chromium(address, images, authority)
        visit = await beside.do(browser.__enter__)
        try:
            yield beside, visit
        finally:
            await beside.do(browser.__exit__, *sys.exc_info())


@dataclass
class Lab:
    """JupyterLab at an attendee's seat."""

    page: Page

    def open_assignments(self) -> None:
        """Menu Nbgrader, Assignment List."""
        self.page.click('.lm-MenuBar-item:has-text("Nbgrader")')
        self.page.click('.lm-Menu-item:has-text("Assignment List")')
        self.page.wait_for_selector("#released_assignments_list .list_item")

    def assignment(self, list_name: str, lab: str) -> Locator:
        """A row of the list: `released`, `fetched` or `submitted`."""
        return self.page.locator(f"#{list_name}_assignments_list > .list_item:has-text('{lab}')")

    def fetch(self, lab: str) -> None:
        self.assignment("released", lab).get_by_role("button", name="Fetch").click()
        self.assignment("fetched", lab).wait_for()

    def open_notebook(self, lab: str) -> None:
        """Unfold the fetched lab, open its notebook and wait for its kernel."""
        row = self.assignment("fetched", lab)
        row.locator("a.assignment-notebooks-link").click()
        row.locator(".nested_list_item a").click()
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.wait_until_idle()

    def run_cell(self, text: str) -> Locator:
        """Run the code cell that has this text; what it shows."""
        cell = self._cell(text)
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        return cell.locator(".jp-OutputArea-output")

    def run_new_cell(self, code: str) -> Locator:
        """Put a cell with this code at the notebook's top and run it; what it shows."""
        cell = self.page.locator(".jp-Notebook .jp-Cell").first
        cell.click()
        for key in ("Escape", "a", "Enter"):
            self.page.keyboard.press(key)
        self.page.keyboard.insert_text(code)
        self.page.keyboard.press("Control+Enter")
        return cell.locator(".jp-OutputArea-output")

    def answer(self, text: str, code: str) -> None:
        """Put this code in the place of the cell that has this text."""
        self._cell(text).locator(".cm-content").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(code)
        self.page.keyboard.press("Control+Enter")

    def validate(self) -> str:
        """The Validate button, which also saves; what its dialog says."""
        self.page.locator(".jp-NotebookPanel-toolbar .validate-button").click()
        dialog = self.page.locator(".jp-Dialog:has-text('Validation Results')")
        dialog.wait_for()
        return dialog.inner_text()

    def close_dialog(self) -> None:
        self.page.locator(".jp-Dialog .jp-mod-accept").click()

    def show_tab(self, name: str) -> None:
        self.page.locator(f".lm-DockPanel-tabBar .lm-TabBar-tab:has-text('{name}')").click()

    def submit(self, lab: str) -> None:
        self.assignment("fetched", lab).get_by_role("button", name="Submit").click()
        self.assignment("submitted", lab).wait_for()

    def open_newest_feedback(self, lab: str) -> Page:
        """Menu Feedback: a page that says where the work stands, until the feedback is there."""
        self.page.click('.lm-MenuBar-item:has-text("Feedback")')
        with self.page.context.expect_page() as opened:
            self.page.click('.lm-Menu-item:has-text("Feedback on My Last Submission")')
        opened.value.get_by_role("heading", name=f"Feedback on {lab}").wait_for()
        return opened.value

    def wait_until_idle(self) -> None:
        self.page.wait_for_selector("text=nlp-cpu (Python 3.11) | Idle")

    def _cell(self, text: str) -> Locator:
        return self.page.locator(f".jp-Notebook .jp-CodeCell:has-text('{text}')").first
