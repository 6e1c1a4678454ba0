"""A grader learns of a submission as soon as it is filed, and attendees see where theirs stands."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub_config.exchange.grading_desk import Grading, GradingDesk, Standing
from hub_config.exchange.plugins import ExchangeArrivals
from hub_config.exchange.records import Snapshot
from tests.hub_config.exchange.test_service_pages import Browser

Zipped = Callable[[dict[str, str | bytes]], bytes]
QUIET: dict[str, Any] = {"now": [], "waiting": [], "assistant": [], "held": []}


@pytest.fixture
def archive(tmp_path: Path, zipped: Zipped) -> Path:
    file = tmp_path / "work.zip"
    file.write_bytes(zipped({"tokenisation.ipynb": "{}"}))
    return file


@pytest.fixture
def arrivals(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], ExchangeArrivals]:
    """The grader's end of the exchange, in the name of a service of the hub."""

    def connect(exchange: Any, service: str = "formgrader") -> ExchangeArrivals:
        person = exchange.service(service)
        monkeypatch.setenv("WORKSHOP_EXCHANGE_URL", exchange.url)
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", person.token)
        return ExchangeArrivals()

    return connect


def whose(found: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(each["assignment"], each["username"], each["number"]) for each in found]


def test_the_answer_waits_for_a_submission_and_no_longer(
    exchange: Any, arrivals: Any, archive: Path
) -> None:
    grader = arrivals(exchange)
    mark, _ = grader.ask("", 0, QUIET)
    with ThreadPoolExecutor(1) as aside:
        asked = aside.submit(grader.ask, mark, 20, QUIET)
        time.sleep(0.5)
        assert not asked.done()
        exchange.person("seat11").client.submit("tokenisation", archive)
        filed = time.monotonic()
        _, found = asked.result(timeout=15)
    assert time.monotonic() - filed < 5
    assert whose(found) == [("tokenisation", "seat11", 1)]
    assert found[0]["answered"] is False


def test_nothing_new_is_an_empty_answer_after_the_time_asked_for(
    exchange: Any, arrivals: Any
) -> None:
    grader = arrivals(exchange)
    mark, _ = grader.ask("", 0, QUIET)
    began = time.monotonic()
    assert grader.ask(mark, 0.5, QUIET) == (mark, [])
    assert time.monotonic() - began >= 0.5


def test_only_the_newest_of_an_attendee_is_told_and_whether_it_is_answered(
    exchange: Any, arrivals: Any, archive: Path, tmp_path: Path, zipped: Zipped
) -> None:
    grader = arrivals(exchange)
    mark, _ = grader.ask("", 0, QUIET)
    people = [exchange.person(name) for name in ("seat12", "seat13", "seat12")]
    snapshots = [each.client.submit("tokenisation", archive) for each in people]
    page = tmp_path / "page.zip"
    page.write_bytes(zipped({"tokenisation.html": "well done"}))
    exchange.person("ines").client.put_feedback("tokenisation", "seat13", snapshots[1].id, page)
    later, found = grader.ask(mark, 5, QUIET)
    assert whose(found) == [("tokenisation", "seat13", 1), ("tokenisation", "seat12", 2)]
    assert [each["answered"] for each in found] == [True, False]
    assert grader.ask(later, 0, QUIET) == (later, [])


def test_a_service_that_was_started_again_tells_everything(
    exchange: Any, arrivals: Any, archive: Path
) -> None:
    exchange.person("seat14").client.submit("embeddings", archive)
    mark, before = arrivals(exchange).ask("", 0, QUIET)
    exchange.kill()
    exchange.start()
    again, found = arrivals(exchange).ask(mark, 5, QUIET)
    assert again != mark
    assert whose(found) == whose(before)


def test_a_robot_that_was_cleaned_away_is_told_no_more_and_may_come_again(
    exchange: Any, arrivals: Any, archive: Path
) -> None:
    robot = exchange.person("seat15").client
    grader = arrivals(exchange)
    mark, _ = grader.ask("", 0, QUIET)
    robot.submit("embeddings", archive)
    shutil.rmtree(exchange.store / "submissions" / "embeddings" / "seat15")
    mark, found = grader.ask(mark, 0, QUIET)
    assert found == []
    again = robot.submit("embeddings", archive)
    assert again.sequence() == 1
    _, found = grader.ask(mark, 5, QUIET)
    assert whose(found) == [("embeddings", "seat15", 1)]


@pytest.mark.parametrize("who", ["ines", "seat11"])
def test_people_may_not_ask_even_instructors(exchange: Any, who: str) -> None:
    answer = exchange.person(who).request("POST", "api/arrivals", json={})
    assert answer.status_code == 403


def test_a_service_that_is_no_instructor_may_not_ask(exchange: Any, arrivals: Any) -> None:
    with pytest.raises(ConnectionError, match="Only instructors"):
        arrivals(exchange, "stranger").ask("", 0, QUIET)


@pytest.mark.parametrize(
    "body",
    [
        {"seconds": 3600},
        {"seconds": -1},
        {"grading": {"now": [{"assignment": "../x", "username": "ada"}]}},
        {"grading": {"held": "all"}},
        {"wish": "all"},
    ],
)
def test_an_odd_question_is_refused(exchange: Any, body: dict[str, Any]) -> None:
    answer = exchange.service("formgrader").request("POST", "api/arrivals", json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad-request")


def test_an_exchange_that_is_away_is_a_connection_error(
    exchange: Any, arrivals: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    grader = arrivals(exchange)
    exchange.stop()
    began = time.monotonic()
    with pytest.raises(ConnectionError):
        grader.ask("", 5, QUIET)
    assert time.monotonic() - began < 5, "whoever waits for submissions asks again by itself"
    exchange.start()


MINE = ("tokenisation", "seat16")


@pytest.fixture(scope="module")
def waiting(behind_proxy: Any, tmp_path_factory: pytest.TempPathFactory, zipped: Zipped) -> Any:
    """seat16 has handed in twice, and nothing is graded."""
    file = tmp_path_factory.mktemp("waiting") / "a.zip"
    file.write_bytes(zipped({"lab.ipynb": "x"}))
    behind_proxy.person("ines").client.put_release("tokenisation", file)
    client = behind_proxy.person("seat16").client
    client.submit("tokenisation", file)
    return client.submit("tokenisation", file)


@pytest.mark.parametrize(
    ("told", "words", "seconds"),
    [
        ({"now": [MINE]}, "being graded", "1"),
        ({"waiting": [("tokenisation", "ada"), MINE]}, "number 2 in the queue", "1"),
        ({"waiting": [("tokenisation", f"p{n}") for n in range(99)] + [MINE]}, "number 100", "10"),
        ({}, "about to be graded", "1"),
        ({"assistant": [MINE]}, "an assistant will look at it", None),
        ({"held": ["tokenisation"]}, "can&#39;t be graded at the moment", None),
    ],
)
def test_attendees_see_where_their_newest_submission_stands(
    hub: Any, behind_proxy: Any, arrivals: Any, waiting: Any, told: Any, words: str, seconds: Any
) -> None:
    """The page comes back by itself while something moves."""
    arrivals(behind_proxy).ask("", 0, {**QUIET, **told})
    browser = Browser(hub, "seat16")
    for path, address in (("", "./"), ("newest", f"newest?for={waiting.id}")):
        page = browser.get(f"/services/exchange/feedback/{path}")
        assert page.status_code == 200
        assert words.replace("&#39;", "'") in page.text.replace("&#39;", "'")
        refresh = page.headers.get("Refresh", "")
        assert seconds is None or refresh.startswith(f"{seconds}; url={address}")
        assert seconds or "for=" not in refresh, "nothing moves"
    assert "a later one counts" in browser.get("/services/exchange/feedback/").text


def test_a_grader_that_was_silent_for_long_is_taken_for_gone() -> None:
    now = [0.0]
    desk = GradingDesk(clock=lambda: now[0])
    moment = datetime(2026, 12, 1, tzinfo=UTC)
    snapshot = Snapshot(
        id=f"000001-{'0' * 64}",
        sha256="0" * 64,
        size=1,
        assignment="tokenisation",
        username="ada",
        received=moment,
        ticket="t",
        notebooks=(),
    )
    assert desk.standing(snapshot) == Standing("none")
    desk.tell(Grading())
    assert desk.standing(snapshot) == Standing("waiting")
    now[0] = 3600.0
    assert desk.standing(snapshot) == Standing("none")


def test_the_newest_feedback_opens_by_itself_once_it_is_there(
    hub: Any, behind_proxy: Any, waiting: Any, tmp_path: Path, zipped: Zipped
) -> None:
    page = tmp_path / "page.zip"
    page.write_bytes(zipped({"tokenisation.html": "well done", "a.html": "another notebook"}))
    teacher = behind_proxy.person("ines").client
    teacher.put_feedback("tokenisation", "seat16", waiting.id, page)
    browser = Browser(hub, "seat16")
    found = browser.get(f"/services/exchange/feedback/newest?for={waiting.id}")
    assert found.text == "well done"
    assert found.url.endswith(f"/feedback/tokenisation/{waiting.id}/tokenisation.html")


def test_feedback_that_was_there_before_is_offered_because_a_newer_one_may_be_on_its_way(
    hub: Any, behind_proxy: Any, tmp_path: Path, zipped: Zipped
) -> None:
    file = tmp_path / "a.zip"
    file.write_bytes(zipped({"lab.ipynb": "x"}))
    client = behind_proxy.person("seat17").client
    snapshot = client.submit("tokenisation", file)
    file.write_bytes(zipped({"tokenisation.html": "well done"}))
    teacher = behind_proxy.person("ines").client
    teacher.put_feedback("tokenisation", "seat17", snapshot.id, file)
    browser = Browser(hub, "seat17")
    assert browser.get("/services/exchange/feedback/newest").text == "well done", "just come"
    time.sleep(max(0.0, 15.5 - (datetime.now(UTC) - snapshot.received).total_seconds()))
    page = browser.get("/services/exchange/feedback/newest")
    assert "the feedback is there" in page.text
    assert f"tokenisation/{snapshot.id}/tokenisation.html" in page.text
    assert page.headers["Refresh"] == "1; url=newest?looks=1"


def test_whoever_is_faster_than_the_submission_waits_for_it(hub: Any, behind_proxy: Any) -> None:
    browser = Browser(hub, "seat20")
    page = browser.get("/services/exchange/feedback/newest")
    assert "Nothing has arrived yet" in page.text
    assert page.headers["Refresh"] == "1; url=newest?looks=1"
    for looks in ("60", "-1", "many", "9" * 50):
        page = browser.get(f"/services/exchange/feedback/newest?looks={looks}")
        assert (page.status_code, page.headers.get("Refresh")) == (200, None)
