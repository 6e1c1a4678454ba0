"""The wall as people see it: in a running workshop, and with classes of every size.

The pictures of the docs are taken here:

    WORKSHOP_SCREENSHOTS=docs/images pytest tests/e2e/test_wall.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from hub_config.wall.facts import Facts
from hub_config.wall.render import page as wall_page
from hub_config.wall.render import sections
from hub_config.wall.view import wall_view
from tests.e2e.browser import PATIENCE_MILLISECONDS, MakeVisitor, Visitor, chromium
from tests.e2e.conftest import MakeWorkshop
from tests.e2e.running import RunningWorkshop
from tests.hub_config.wall.a_class import NOW, a_class, told, with_a_lost_host

pytestmark = [pytest.mark.timeout(600), pytest.mark.browser]

WALL = "/services/wall/"
PROJECTOR = {"width": 1920, "height": 1080}
FRIENDLY = "Coffee until 10:50. Keep your notebooks open, they go on training."
HOSTILE = "Coffee <img src=x onerror='owned=1'> now"

#: Of a page: whether it scrolls, its seats, how many are below the screen or have a number that
#: is cut off, and by how many pixels the exercises are too high.
WHAT_IS_SEEN = """() => {
    const all = selector => [...document.querySelectorAll(selector)];
    const heat = document.querySelector("#heat");
    return {
        scrolls: document.documentElement.scrollHeight > innerHeight,
        tiles: all(".tile").length,
        below: all(".tile").filter(one => one.getBoundingClientRect().bottom > innerHeight).length,
        cut: all(".tile .top").filter(one => one.scrollWidth > one.clientWidth).length,
        heat: heat.scrollHeight - heat.clientHeight,
    };
}"""


@pytest.fixture(scope="module")
def workshop(make_workshop: MakeWorkshop) -> RunningWorkshop:
    workshop = make_workshop("wall", ["wl-ada", "wl-bob"], instructor="wl-grace")
    workshop.up("--no-start-seats")
    return workshop


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """The same for what is expected as for what is waited for."""
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    yield
    expect.set_options(timeout=5_000)


def test_from_the_wall_to_every_seat_and_back(
    workshop: RunningWorkshop, visit: MakeVisitor
) -> None:
    grace = visit(PROJECTOR)
    open_the_wall(grace, workshop)
    ada = visit()
    ada.enter(workshop.codes["wl-ada"])
    ada.page.wait_for_url("**/user/wl-ada/lab**")
    say_to_all(grace, ada)
    ask_for_help(ada)
    see_who_wants_help(grace)
    help_is_done(grace, ada)
    hide_names(grace)
    assert grace.complaints == []
    assert ada.complaints == []


def open_the_wall(grace: Visitor, workshop: RunningWorkshop) -> None:
    grace.enter(workshop.codes["wl-grace"])
    grace.page.wait_for_url("**/hub/home")
    grace.page.get_by_role("main").get_by_role("link", name="Wall").click()
    expect(tile(grace.page, "01")).to_have_accessible_name(re.compile("Seat 01, Wl-Ada: away"))
    # The gatherer's facts are fresh within seconds once somebody looks.
    expect(grace.page.locator("#troubles")).to_be_empty()
    expect(grace.page.locator("#hosts")).to_contain_text("this machine")
    # Nothing ends by itself here, so there is nothing to extend.
    expect(grace.page.locator("#money")).to_contain_text("Nothing here is paid for by the hour")
    expect(grace.page.get_by_role("button", name="30 minutes more")).to_have_count(0)


def say_to_all(grace: Visitor, ada: Visitor) -> None:
    """By keys alone; what was typed is text in every JupyterLab."""
    notice = ada.page.locator(".workshop-notice-message")
    ada.page.locator(".jp-LauncherCard").first.wait_for()
    ada.page.locator("#jupyterlab-splash").wait_for(state="detached")
    for text in (FRIENDLY, HOSTILE):
        grace.page.keyboard.press("m")
        grace.page.keyboard.type(text)
        grace.page.keyboard.press("Control+Enter")
        expect(grace.page.locator("#messages li").last).to_contain_text(text)
        come_back(ada)
        expect(notice.last).to_contain_text(text)
        if text is FRIENDLY:
            ada.shoot("message-in-jupyterlab")
    for visitor in (grace, ada):
        assert visitor.page.evaluate("typeof owned") == "undefined"
    expect(tile(grace.page, "01")).to_have_accessible_name(re.compile("Seat 01, Wl-Ada: in"))
    for left in (1, 0):
        notice.first.get_by_role("button", name="Hide this message").click()
        expect(notice).to_have_count(left)


def ask_for_help(ada: Visitor) -> None:
    """JupyterLab's menu Help, then one click."""
    ada.page.click('.lm-MenuBar-item:has-text("Help")')
    with ada.page.context.expect_page() as opened:
        ada.page.click('.lm-Menu-item:has-text("Ask for Help")')
    asking = opened.value
    asking.get_by_label("What is it about?").fill("the loss is nan")
    asking.get_by_role("button", name="Ask for help").click()
    asking.get_by_role("heading", name="Help is on its way").wait_for()
    asking.close()
    come_back(ada)
    expect(ada.page.locator(".workshop-notice-help")).to_contain_text("You have asked for help")
    ada.shoot("asked-for-help")


def see_who_wants_help(grace: Visitor) -> None:
    line = grace.page.locator("#help li")
    expect(line).to_contain_text("the loss is nan")
    expect(line).to_contain_text("01")
    expect(tile(grace.page, "01")).to_have_accessible_name(re.compile("asks for help"))


def help_is_done(grace: Visitor, ada: Visitor) -> None:
    """H goes to the first call, Enter says that it is done."""
    grace.page.keyboard.press("h")
    grace.page.keyboard.press("Enter")
    expect(grace.page.locator("#help")).to_contain_text("Nobody at the moment")
    come_back(ada)
    expect(ada.page.locator(".workshop-notice-help")).to_have_count(0)


def come_back(visitor: Visitor) -> None:
    """To the tab: JupyterLab asks for notices at once, not after its pause."""
    visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def hide_names(grace: Visitor) -> None:
    """One key; numbers stay, and this browser remembers it."""
    grace.page.keyboard.press("n")
    expect(grace.page.get_by_text("Wl-Ada", exact=True)).not_to_be_visible()
    expect(tile(grace.page, "01").locator("b")).to_be_visible()
    grace.page.reload()
    expect(tile(grace.page, "01").locator("b")).to_be_visible()
    assert "Wl-Ada" not in grace.page.inner_text("body")


def tile(page: Page, number: str) -> Locator:
    return page.locator(".tile", has=page.locator(f"b:text-is('{number}')"))


def test_the_wall_is_for_staff_and_believes_no_page_but_its_own(
    workshop: RunningWorkshop, visit: MakeVisitor
) -> None:
    bob = visit()
    bob.enter(workshop.codes["wl-bob"])
    bob.page.wait_for_url("**/user/wl-bob/lab**")
    assert bob.open(WALL) == 403
    assert "for those who teach" in bob.page.inner_text("body")
    assert bob.open(f"{WALL}state") == 403
    grace = visit()
    grace.enter(workshop.codes["wl-grace"])
    grace.page.wait_for_url("**/hub/home")
    assert grace.open(WALL) == 200
    token = grace.page.locator('meta[name="xsrf"]').get_attribute("content")
    assert token
    known = {"X-XSRFToken": token}
    state, messages = f"{workshop.address}{WALL}state", f"{workshop.address}{WALL}messages"
    # The same state is not sent twice.
    asked = grace.page.request
    for _ in range(5):
        first = asked.get(state, headers=known)
        again = asked.get(state, headers=known | {"If-None-Match": first.headers["etag"]})
        if again.status == 304:
            break
    assert (first.status, again.status) == (200, 304)
    # A page elsewhere can send the cookies, not the token; an attendee has another token.
    form = {"text": "hello", "minutes": "10"}
    assert asked.post(messages, form=form).status == 403
    assert asked.post(messages, form=form, headers={"X-XSRFToken": "x"}).status == 403
    assert bob.page.request.post(messages, form=form, headers=known).status == 403
    assert bob.page.request.post(f"{workshop.address}{WALL}help", form={}).status == 403
    assert "hello" not in asked.get(state, headers=known).text()
    assert asked.post(messages, form=form, headers=known).status == 200
    assert "hello" in asked.get(state, headers=known).text()


def test_a_page_that_lost_its_login_s_cookie_to_another_logs_in_anew(
    workshop: RunningWorkshop, visit: MakeVisitor
) -> None:
    bob = visit()
    bob.enter(workshop.codes["wl-bob"])
    bob.page.wait_for_url("**/user/wl-bob/lab**")
    asked = bob.page.request
    sent = asked.get(f"{workshop.address}{WALL}", max_redirects=0)
    bob.page.context.clear_cookies(name=re.compile("services-wall-oauth-state|service-wall"))
    page = asked.get(f"{workshop.address}{sent.headers['location']}")
    assert (page.status, page.url) == (403, f"{workshop.address}{WALL}")
    assert "for those who teach" in page.text()


def test_a_class_of_any_size_fits_on_a_projector(tmp_path: Path, images: Path) -> None:
    with chromium("file://", images) as visitors:
        visitor = visitors(PROJECTOR)
        visitor.page.clock.set_fixed_time(NOW)
        for seats, colours in ((12, "light"), (60, "dark"), (300, "light")):
            open_a_class(visitor, a_class(seats), tmp_path, colours)
            seen = visitor.page.evaluate(WHAT_IS_SEEN)
            assert seen == {"scrolls": False, "tiles": seats, "below": 0, "cut": 0, "heat": 0}
            visitor.shoot(f"wall-{seats}")
        open_a_class(visitor, with_a_lost_host(a_class(30)), tmp_path, "light")
        tile(visitor.page, "12").hover()
        story = visitor.page.locator("#story")
        expect(story).to_contain_text("its host gpu-03 was lost; its work is being brought to")
        visitor.shoot("wall-host-lost")


def test_thirty_minutes_more_are_given_by_key_after_the_page_has_said_what_they_mean(
    images: Path,
) -> None:
    """The page alone, at an address of its own: what it asks for is looked at here."""
    facts = a_class(12)
    assert facts.fleet is not None
    assert facts.fleet.deadline is not None
    wall = wall_view(facts, told(facts), NOW)
    given: list[str] = []

    def answer(route: Route) -> None:
        match route.request.url.rpartition("/")[2]:
            case "":
                route.fulfill(content_type="text/html", body=wall_page(wall, "token"))
            case "extend":
                given.append(str(route.request.post_data))
                route.fulfill(json={})
            case _:
                route.fulfill(json=sections(wall))

    with chromium("http://wall.test", images) as visitors:
        page = visitors(PROJECTOR).page
        page.route("http://wall.test/**", answer)
        page.goto("http://wall.test/")
        dialog = page.get_by_role("dialog", name="30 minutes more")
        page.keyboard.press("e")
        expect(dialog).to_contain_text("for $1.58 more")
        expect(dialog).to_contain_text("4 times")
        page.keyboard.press("Escape")
        expect(dialog).not_to_be_visible()
        assert given == []
        page.keyboard.press("e")
        page.keyboard.press("Enter")
        expect(page.locator("#said")).to_contain_text("The hosts are being told")
        expect(dialog).not_to_be_visible()
    (asked,) = given
    assert parse_qs(asked) == {"deadline": [facts.fleet.deadline.isoformat()]}


def open_a_class(visitor: Visitor, facts: Facts, folder: Path, colours: str) -> None:
    file = folder / "wall.html"
    file.write_text(wall_page(wall_view(facts, told(facts), NOW), "token"))
    visitor.page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]
    visitor.page.goto(f"file://{file}")
