"""Chromium at a workshop: one visitor per person, and what they do in JupyterLab.

Every visitor keeps a record of what went wrong, and of every request that left the hub.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
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


@dataclass
class Visitor:
    """One person at one device. `complaints` holds console errors and failed requests."""

    page: Page
    address: str
    images: Path
    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> int:
        """Go to a path of the hub; the status of the page that came."""
        response = self.page.goto(self.address + path)
        assert response is not None
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
def chromium(address: str, images: Path) -> Iterator[MakeVisitor]:
    """Visitors without cookies; at the end no request may have gone anywhere but to the hub."""
    visitors: list[Visitor] = []
    images.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
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

    def wait_until_idle(self) -> None:
        self.page.wait_for_selector("text=nlp-cpu (Python 3.11) | Idle")

    def _cell(self, text: str) -> Locator:
        return self.page.locator(f".jp-Notebook .jp-CodeCell:has-text('{text}')").first
