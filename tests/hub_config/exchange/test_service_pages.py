"""In a browser: attendees read their own feedback, instructors the report, nobody else's."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

Zipped = Callable[[dict[str, str | bytes]], bytes]
HOSTILE = "<h1>Score</h1><script>fetch('/hub/api/users')</script>"


class Browser:
    """A browser's session at the hub, as far as cookies and redirects go."""

    def __init__(self, hub: Any, user: str) -> None:
        self.hub = hub
        self.session = requests.Session()
        page = self.get("/hub/login")
        token = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
        assert token is not None
        answer = self.session.post(
            f"{hub.url}/hub/login",
            data={"username": user, "password": "x", "_xsrf": token[1]},
            allow_redirects=False,
            timeout=30,
        )
        assert answer.status_code == 302

    def get(self, path: str) -> requests.Response:
        headers = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
        return self.session.get(f"{self.hub.url}{path}", headers=headers, timeout=30)


@pytest.fixture(scope="module")
def graded(behind_proxy: Any, tmp_path_factory: pytest.TempPathFactory, zipped: Zipped) -> Any:
    """seat10 has feedback on one of two submissions; there is a report."""
    archive = tmp_path_factory.mktemp("graded") / "a.zip"
    teacher, person = behind_proxy.person("ines"), behind_proxy.person("seat10")
    archive.write_bytes(zipped({"lab.ipynb": "x"}))
    teacher.client.put_release("tokenisation", archive)
    snapshot = person.client.submit("tokenisation", archive)
    person.client.submit("tokenisation", archive)
    archive.write_bytes(zipped({"my lab.html": HOSTILE}))
    teacher.client.put_feedback("tokenisation", "seat10", snapshot.id, archive)
    reports = behind_proxy.folder / "reports"
    reports.mkdir(exist_ok=True)
    (reports / "report.html").write_text("<h1>Report of the class</h1>")
    (reports / "grades.csv").write_text("student,score\n")
    (reports / "secret.txt").write_text("secret")
    return snapshot


def test_an_attendee_sees_and_opens_own_feedback(hub: Any, graded: Any) -> None:
    browser = Browser(hub, "seat10")
    page = browser.get("/services/exchange/feedback/")
    assert page.status_code == 200
    assert page.text.count("submitted ") == 2
    # One stands without feedback; what is said of it, the grader decides (test_arrivals.py).
    assert page.text.count('<span class="quiet">') == 1
    (link,) = re.findall(r'href="(tokenisation/[^"]+)"', page.text)
    feedback = browser.get(f"/services/exchange/feedback/{link}")
    assert feedback.text == HOSTILE
    assert feedback.headers["Content-Type"] == "text/html; charset=utf-8"


def test_feedback_has_no_origin_of_its_own_and_no_network(hub: Any, graded: Any) -> None:
    path = f"/services/exchange/feedback/tokenisation/{graded.id}/my%20lab.html"
    policy = Browser(hub, "seat10").get(path).headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    "path",
    [
        "tokenisation/{id}/my%20lab.html",
        "tokenisation/{id}/..%2Fseat10%2Fx.html",
        "..%2Ftokenisation/{id}/my%20lab.html",
        "tokenisation/..%2Fseat10%2F{id}/my%20lab.html",
    ],
)
def test_another_attendee_finds_nothing_there(hub: Any, graded: Any, path: str) -> None:
    browser = Browser(hub, "seat11")
    answer = browser.get("/services/exchange/feedback/" + path.format(id=graded.id))
    assert answer.status_code == 404
    assert "Score" not in answer.text
    assert "Nothing submitted yet." in browser.get("/services/exchange/feedback/").text


def test_the_report_is_for_instructors(hub: Any, graded: Any) -> None:
    teacher = Browser(hub, "ines")
    report = teacher.get("/services/exchange/report/")
    assert (report.status_code, report.text) == (200, "<h1>Report of the class</h1>")
    assert "sandbox" in report.headers["Content-Security-Policy"]
    assert teacher.get("/services/exchange/report/grades.csv").text == "student,score\n"
    for name in ("secret.txt", "..%2Fexchange.json"):
        assert teacher.get(f"/services/exchange/report/{name}").status_code == 404
    for path in ("report/", "report/grades.csv"):
        answer = Browser(hub, "seat10").get(f"/services/exchange/{path}")
        assert answer.status_code == 403
        assert "Only instructors may do this." in answer.text


def test_who_has_not_logged_in_is_sent_to_the_hub(hub: Any, graded: Any) -> None:
    for path in ("feedback/", "report/", "report/grades.csv"):
        answer = requests.get(f"{hub.url}/services/exchange/{path}", timeout=30)
        assert "/hub/login" in answer.url
        assert "Score" not in answer.text


def test_a_user_outside_the_workshop_is_not_let_in(hub: Any, graded: Any) -> None:
    answer = Browser(hub, "olga").get("/services/exchange/feedback/")
    assert answer.status_code == 403


def test_the_api_works_through_the_hub_s_proxy(
    hub: Any, behind_proxy: Any, graded: Any, tmp_path: Path, zipped: Zipped
) -> None:
    person = behind_proxy.person("seat12")
    person.url = f"{hub.url}/services/exchange"
    archive = tmp_path / "work.zip"
    archive.write_bytes(zipped({"lab.ipynb": "x"}))
    assert person.client.submit("tokenisation", archive).username == "seat12"
