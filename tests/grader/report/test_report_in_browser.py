"""What only a browser can tell: the policy lets our script work, and names really hide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from grader.pdf import find_browser
from grader.report import write_report
from grader.results import ClassResults

pytestmark = pytest.mark.browser


@pytest.fixture
def page(tmp_path: Path, made_up_class: Callable[..., ClassResults]) -> Iterator[Page]:
    report = write_report(made_up_class(), tmp_path).html
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(report.as_uri())
        yield page
        browser.close()
    assert complaints == []


def test_hiding_names_hides_every_one(page: Page) -> None:
    assert "Grace Hopper" in page.inner_text("body")
    page.click("label[for=hide-names]")
    page.hover("td.f >> nth=0")
    seen = page.inner_text("body")
    assert "Attendee 0" in seen
    for hidden in ("Grace", "Turing", "seat0"):
        assert hidden not in seen


def test_a_square_tells_its_story(page: Page) -> None:
    page.hover("td.f >> nth=0")
    assert "failed" in page.inner_text("#square-note")
    before = page.inner_text("#square-note")
    page.focus("td.f >> nth=0")
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#square-note") != before
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#square-note") == before


def test_a_note_stays_though_it_pushes_other_squares_under_a_pointer_that_rests(page: Page) -> None:
    """A longer note pushed them down, the shorter one of the next square up again, for ever."""
    note = page.locator("#square-note")
    for square in page.locator("td.f").all()[:6]:
        square.scroll_into_view_if_needed()
        lies = square.bounding_box()
        assert lies is not None
        page.mouse.move(lies["x"] + lies["width"] / 2, lies["y"] + lies["height"] - 2)
        said = note.inner_text()
        assert "failed" in said
        for _ in range(3):
            page.evaluate(
                "new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))"
            )
        assert note.inner_text() == said


def test_the_attendees_sort_by_total(page: Page) -> None:
    totals = ".people tbody td:nth-of-type(3)"
    for _ in range(2):
        page.click(".people thead th:nth-of-type(4) button")
    shown = [float(text) for text in page.locator(totals).all_inner_texts() if text != "–"]
    assert shown == sorted(shown, reverse=True)
    assert page.get_attribute(".people thead th:nth-of-type(4)", "aria-sort") == "descending"


def test_a_phone_need_not_scroll_the_page_sideways(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
