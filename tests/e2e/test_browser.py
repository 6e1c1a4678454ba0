"""What people see: an attendee from the seat code to the feedback, staff at the formgrader and the
report, in a real browser. The pictures of the docs are taken here:

    WORKSHOP_SCREENSHOTS=docs/images pytest tests/e2e/test_browser.py
"""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from hub_config.cards import CardsHeading
from tests.e2e.browser import PHONE, Lab, MakeVisitor, Visitor
from tests.e2e.conftest import MakeWorkshop
from tests.e2e.killing import suspended
from tests.e2e.running import RunningWorkshop

pytestmark = pytest.mark.timeout(1200)

COURSE = Path(__file__).parents[2] / "coursework" / "nlp"
LAB = "tokenisation"
ROSTER = """\
name,email,role
Grace Hopper,br-grace@example.org,instructor
Kim Larsen,br-kim@example.org,assistant
Ada Lovelace,br-ada@example.org,attendee
Alan Turing,br-alan@example.org,attendee
Mary Jackson,br-mary@example.org,attendee
"""
RIGHT_ANSWER = """\
def count_units(text):
    return {
        "characters": len(text),
        "words": len(text.split()),
        "bytes": len(text.encode("utf-8")),
    }
"""
WRONG_ANSWER = RIGHT_ANSWER.replace("text.split()", 'text.split(" ")')
#: Would run in the browser of whoever marks this work, with that person's rights.
HOSTILE_MARKDOWN = "<script>owned = 1</script> <img src=x onerror='owned = 1'>"
HOSTILE_CODE = """\
from IPython.display import HTML, Javascript, display
display(HTML("<script>owned = 1</script><img src=x onerror='owned = 1'>"), Javascript("owned = 1"))
width = {"image/png": {"width": "1 onerror=owned=1"}}
display({"image/png": "AAAA"}, raw=True, metadata=width)
"""


@pytest.fixture(scope="module")
def workshop(make_workshop: MakeWorkshop) -> RunningWorkshop:
    """The real labs, released; no seat is started beforehand."""
    workshop = make_workshop("nlp-day", [], course=COURSE, extra="track: first-look\n")
    (workshop.spec.parent / "roster.csv").write_text(ROSTER)
    workshop.up("--no-start-seats")
    workshop.cli("release")
    return workshop


@pytest.fixture(scope="module")
def graded(workshop: RunningWorkshop) -> RunningWorkshop:
    """Mary has handed in a wrong answer and a trap, which are graded and in the report."""
    # Playwright has an event loop of its own in this thread.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, hand_in_wrong_answer(workshop)).result()
    workshop.cli("grade")
    workshop.cli("report")
    return workshop


async def hand_in_wrong_answer(workshop: RunningWorkshop) -> None:
    path = f"{LAB}/{LAB}.ipynb"
    async with workshop.robot("br-mary") as mary:
        await mary.fetch("nlp", LAB)
        notebook = await mary.read_notebook(path)
        for cell in notebook["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == "count_units":
                cell["source"] = WRONG_ANSWER
        notebook["cells"] += [new_markdown_cell(HOSTILE_MARKDOWN), new_code_cell(HOSTILE_CODE)]
        await mary.write_notebook(path, notebook)
        await mary.submit("nlp", LAB)


def test_an_attendee_gets_from_the_seat_code_to_the_feedback(
    workshop: RunningWorkshop, visit: MakeVisitor
) -> None:
    ada = visit()
    with suspended(workshop.paths.home, "seats"):  # a warm seat is there before one can read
        ada.enter(workshop.codes["br-ada"])
        read_that_the_seat_is_made_ready(ada)
    ada.page.wait_for_url("**/user/br-ada/lab**")
    lab = Lab(ada.page)
    work_on_the_lab(ada, lab)
    workshop.cli("grade")
    fetch_feedback(ada, lab)
    read_feedback(ada)
    assert ada.complaints == []


def read_that_the_seat_is_made_ready(ada: Visitor) -> None:
    """Nothing runs yet: a page says so in words, and gives way to JupyterLab by itself."""
    ada.page.get_by_role("heading", name="Your seat is being made ready").wait_for()
    words = ada.page.locator("#progress-message")
    words.filter(has_text=re.compile(r"starting|number \d+ in the queue")).wait_for()
    ada.shoot("waiting", height=340)


def work_on_the_lab(ada: Visitor, lab: Lab) -> None:
    """Fetch, run, answer, validate, submit."""
    lab.open_assignments()
    ada.shoot("assignments", height=400)
    lab.fetch(LAB)
    lab.open_notebook(LAB)
    lab.run_cell("from collections import Counter")
    lab.run_cell("translations = {").locator("img").wait_for()
    lab.answer("def count_units", RIGHT_ANSWER)
    lab.wait_until_idle()
    ada.shoot("notebook")
    found = lab.validate()
    # The check of the answered exercise passes; the next exercise is still empty.
    assert "The following cell failed" in found
    assert "build_vocab(" in found
    assert "count_units(" not in found
    ada.shoot("validate")
    lab.close_dialog()
    lab.show_tab("Assignments")
    lab.submit(LAB)


def fetch_feedback(ada: Visitor, lab: Lab) -> None:
    """nbgrader's own way: Fetch Feedback, then the page lies in the attendee's files."""
    row = lab.assignment("submitted", LAB)
    row.get_by_role("button", name="Fetch Feedback").click()
    row.get_by_text("(view feedback)").click()
    ada.page.locator(f".jp-DirListing-item:has-text('{LAB}.html')").dblclick()
    inside = ada.page.frame_locator("iframe.jp-HTMLViewer-iframe, .jp-HTMLViewer iframe")
    inside.get_by_role("heading", name=f"Feedback on {LAB}").wait_for()


def read_feedback(ada: Visitor) -> None:
    """The hub's way: two clicks from its home, on a phone as well."""
    ada.open("/hub/home")
    ada.shoot("home", height=500)
    ada.page.get_by_role("main").get_by_role("link", name="My feedback").click()
    ada.shoot("my-feedback", height=440)
    ada.page.get_by_role("link", name="Read the feedback").click()
    ada.page.get_by_role("heading", name=f"Feedback on {LAB}").wait_for()
    ada.shoot("feedback")
    text = ada.page.inner_text("body")
    assert "2 of 18 points" in text
    assert re.search(r"✓\s+Exercise 1: three ways to count\s+2 / 2", text)
    assert_hidden_checks_stay_hidden(text)


def assert_hidden_checks_stay_hidden(text: str) -> None:
    source = (COURSE / LAB / "lab.py").read_text()
    hidden = re.findall(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", source, re.DOTALL)
    lines = {line.strip() for block in hidden for line in block.splitlines()}
    visible = re.sub(
        r"### BEGIN (HIDDEN TESTS|SOLUTION)\n.*?### END \1", "", source, flags=re.DOTALL
    )
    secret = {line for line in lines if len(line) > 20 and line not in visible}
    assert secret
    assert [line for line in secret if line in text] == []


def test_the_qr_code_of_a_card_fills_in_the_seat_code(
    workshop: RunningWorkshop, visit: MakeVisitor
) -> None:
    alan = visit(PHONE)
    code = workshop.codes["br-alan"]
    link = CardsHeading("Workshop", workshop.address).link(code)
    alan.page.goto(link)
    assert alan.page.get_by_label("Seat code").input_value() == code
    assert code not in alan.page.url
    alan.shoot("login", height=420)
    with suspended(workshop.paths.home, "seats"):
        alan.page.get_by_role("button", name="Enter").click()
        alan.page.get_by_role("heading", name="Your seat is being made ready").wait_for()
        assert alan.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    alan.page.wait_for_url("**/user/br-alan/lab**")
    assert alan.complaints == []


def test_an_instructor_marks_by_hand_and_reads_the_report(
    graded: RunningWorkshop, visit: MakeVisitor
) -> None:
    grace = visit()
    grace.enter(graded.codes["br-grace"])
    grace.page.wait_for_url("**/hub/home")
    grace.shoot("home-of-staff", height=600)
    grace.page.get_by_role("main").get_by_role("link", name="Formgrader").click()
    count_submissions(grace)
    open_submission(grace)
    grace.open("/hub/home")
    grace.page.get_by_role("main").get_by_role("link", name="Report").click()
    read_report(grace)
    assert grace.complaints == []


def count_submissions(grace: Visitor) -> None:
    row = grace.page.locator("tr", has=grace.page.get_by_role("link", name=LAB, exact=True))
    row.wait_for()
    assert int(row.locator("td.num-submissions").inner_text()) >= 1


def open_submission(grace: Visitor) -> None:
    """Manual grading: lab, notebook, submission; what the check said and its points are there."""
    page = grace.page
    page.get_by_role("link", name="Manual Grading").click()
    page.locator("tbody").get_by_role("link", name=LAB).click()
    page.locator("tbody").get_by_role("link", name=LAB).click()
    page.locator("tr:has-text('Mary') a:has-text('Submission #')").click()
    page.get_by_role("heading", name="Tokenisation: from text to numbers").wait_for()
    score = page.locator("input#check_count_units")
    score.focus()
    # The page fetches the points after it has come.
    page.locator("input#check_count_units[placeholder='0']").wait_for()
    assert "White space at the ends or twice in a row" in page.inner_text("body")
    grace.shoot("manual-grading")
    # Mary's trap is on the page, as text.
    assert "display(HTML(" in page.inner_text("body")
    assert page.evaluate("typeof owned") == "undefined"


def read_report(grace: Visitor) -> None:
    grace.page.get_by_role("heading", name="Natural language processing, hands on").wait_for()
    text = grace.page.inner_text("body")
    assert "Mary Jackson" in text
    assert "Exercise 1: three ways to count" in text
    assert grace.page.locator("svg:visible").count() >= 3
    grace.shoot("report-in-the-hub")


@pytest.mark.parametrize("path", ["/services/formgrader/", "/services/exchange/report/"])
def test_pages_of_staff_open_for_assistants_and_not_for_attendees(
    graded: RunningWorkshop, visit: MakeVisitor, path: str
) -> None:
    kim = visit()
    kim.enter(graded.codes["br-kim"])
    kim.page.wait_for_url("**/hub/home")
    assert kim.open(path) == 200
    alan = visit()
    alan.enter(graded.codes["br-alan"])
    alan.page.wait_for_url("**/user/br-alan/lab**")
    assert alan.open("/hub/home") == 200
    assert alan.page.get_by_role("link", name=re.compile("Formgrader|Report")).count() == 0
    assert alan.open(path) == 403
    assert "Mary Jackson" not in alan.page.inner_text("body")
    alan.page.get_by_role("link", name=re.compile("Home|Back to the start")).first.click()
    alan.page.wait_for_url("**/hub/home")
