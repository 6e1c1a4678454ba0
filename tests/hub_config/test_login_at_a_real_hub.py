"""Login by seat code at a real hub behind a real proxy."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import pytest

from hub_config.install import free_ports
from hub_config.people import Person
from hub_config.seats import add_seat, ensure_seats, reissue

ROOT = Path(__file__).parents[2]
PEOPLE = tuple(
    Person(name.title(), f"{name}@example.org", "attendee", name)
    for name in ("ann", "bob", "cat", "dan", "eve", "fay", "guy")
)
TEACHER = Person("Ada", "ada@example.org", "instructor", "ada")

CONFIG = """
import sys
c.JupyterHub.bind_url = "http://127.0.0.1:{public}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.JupyterHub.authenticator_class = "hub_config.authenticator.SeatAuthenticator"
c.SeatAuthenticator.seats_file = {seats!r}
c.JupyterHub.template_paths = [{templates!r}]
c.JupyterHub.template_vars = {{"workshop": "Demo workshop"}}
c.ConfigurableHTTPProxy.command = [sys.executable, {proxy!r}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.JupyterHub.spawner_class = "simple"
c.Spawner.cmd = [sys.executable, {server!r}]
c.JupyterHub.load_roles = [
    {{"name": "staff", "scopes": ["self", "list:users"], "groups": ["instructors"]}},
    {{"name": "user", "scopes": ["self"]}},
]
"""

#: The smallest single-user server: says that it is there.
SERVER = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a seat")

port = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"]).port
HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@dataclass
class Hub:
    """A running hub, its register, and the codes of its seats."""

    address: str
    seats: Path
    log: Path
    codes: dict[str, str] = field(default_factory=dict)

    def browser(self, headers: dict[str, str] | None = None, source: str = "127.0.0.1") -> Browser:
        return Browser(self.address, headers, source)

    def reissue(self, username: str) -> str:
        self.codes[username] = str(reissue(self.seats, username).new_codes[0].code)
        return self.codes[username]


class Browser(httpx.Client):
    """Cookies and forms, as a browser keeps them."""

    def __init__(self, address: str, headers: dict[str, str] | None, source: str) -> None:
        transport = httpx.HTTPTransport(local_address=source)
        super().__init__(base_url=address, headers=headers, transport=transport, timeout=30)

    def log_in(self, code: str) -> httpx.Response:
        page = self.get("/hub/login")
        token = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
        assert token, page.text
        form = {"_xsrf": token[1], "username": "", "code": code}
        return self.post("/hub/login", data=form)

    def api(self, method: str, path: str, **rest: object) -> httpx.Response:
        token = next(c.value for c in self.cookies.jar if c.name == "_xsrf" and c.path == "/hub/")
        headers = {"X-XSRFToken": token or "", "Referer": f"{self.base_url}hub/home"}
        return self.request(method, f"/hub/api{path}", headers=headers, **rest)

    @property
    def is_logged_in(self) -> bool:
        return self.get("/hub/home").status_code == 200


def message(response: httpx.Response) -> str:
    found = re.search(r'id="login-error">([^<]*)<', response.text)
    assert found, response.text
    return found[1].replace("&#39;", "'")


def eventually(condition: object, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return bool(condition())


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    public, internal, api = free_ports(3)
    hub = Hub(f"http://127.0.0.1:{public}", folder / "seats.json", folder / "hub.log")
    issued = ensure_seats(hub.seats, (*PEOPLE, TEACHER))
    hub.codes = {each.seat.username: str(each.code) for each in issued.new_codes}
    (folder / "server.py").write_text(SERVER)
    config = folder / "jupyterhub_config.py"
    config.write_text(
        CONFIG.format(
            public=public,
            hub=internal,
            api=api,
            seats=str(hub.seats),
            templates=str(ROOT / "hub_config" / "templates" / "hub"),
            server=str(folder / "server.py"),
            proxy=str(Path(sys.executable).parent / "configurable-http-proxy"),
        )
    )
    with hub.log.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(config)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        assert eventually(lambda: _answers(hub, process), 90), hub.log.read_text()
        yield hub
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _answers(hub: Hub, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, hub.log.read_text()
    try:
        return httpx.get(f"{hub.address}/hub/login").status_code == 200
    except httpx.HTTPError:
        return False


def test_a_seat_code_opens_the_seat_and_its_role(hub: Hub) -> None:
    with hub.browser() as ann, hub.browser() as ada:
        assert ann.log_in(hub.codes["ann"]).status_code == 302
        me = ann.api("GET", "/user").json()
        assert (me["name"], me["groups"], me["admin"]) == ("ann", ["attendees"], False)
        assert ada.log_in(hub.codes["ada"].lower().replace("-", " ")).status_code == 302
        assert ada.api("GET", "/user").json()["groups"] == ["instructors"]
        assert ada.api("GET", "/users").status_code == 200
        assert ann.api("GET", "/users").status_code == 403


def test_the_login_page_asks_for_one_thing_and_says_what_was_wrong(hub: Hub) -> None:
    with hub.browser() as browser:
        page = browser.get("/hub/login").text
        assert page.count("<input") == 3  # the code, and two hidden ones
        assert "Demo workshop" in page
        refused = browser.log_in("02-0000-0000")
        assert refused.status_code == 403
        assert message(refused) == (
            "This seat code is not right. Please compare it with your card, letter by letter."
        )
        assert message(browser.log_in("bob")) == (
            "That is not a seat code. It looks like 07-KXRD-MPQV and is printed on your card."
        )


def test_robots_may_send_the_code_as_a_password(hub: Hub) -> None:
    with hub.browser() as robot:
        token = re.search(r'name="_xsrf" value="([^"]+)"', robot.get("/hub/login").text)[1]
        form = {"_xsrf": token, "username": "bob", "password": hub.codes["bob"]}
        assert robot.post("/hub/login", data=form).status_code == 302
        assert robot.api("GET", "/user").json()["name"] == "bob"


def test_a_code_opens_no_seat_of_another_name(hub: Hub) -> None:
    with hub.browser() as robot:
        token = re.search(r'name="_xsrf" value="([^"]+)"', robot.get("/hub/login").text)[1]
        form = {"_xsrf": token, "username": "ada", "password": hub.codes["bob"]}
        assert robot.post("/hub/login", data=form).status_code == 403


def test_after_a_lost_laptop_the_same_code_works_on_another(hub: Hub) -> None:
    with hub.browser() as lost, hub.browser() as other:
        lost.log_in(hub.codes["cat"])
        other.log_in(hub.codes["cat"])
        assert other.is_logged_in
        assert lost.is_logged_in


def test_a_reissued_code_ends_everything_that_the_old_one_opened(hub: Hub) -> None:
    old_code = hub.codes["dan"]
    with hub.browser() as thief, hub.browser() as dan:
        thief.log_in(old_code)
        key = thief.api("POST", "/users/dan/tokens", json={"note": "Server at dan"}).json()["token"]
        bearer = {"Authorization": f"token {key}"}
        assert (
            httpx.get(f"{hub.address}/hub/api/user", headers=bearer, timeout=30).status_code == 200
        )
        assert thief.api("POST", "/users/dan/server", json={}).status_code in (201, 202)
        assert eventually(lambda: thief.get("/user/dan/").text == "a seat")

        dan_code = hub.reissue("dan")
        assert dan.log_in(old_code).status_code == 403
        assert dan.log_in(dan_code).status_code == 302

        assert not thief.is_logged_in
        assert (
            httpx.get(f"{hub.address}/hub/api/user", headers=bearer, timeout=30).status_code == 403
        )
        assert eventually(lambda: thief.get("/user/dan/").text != "a seat")
        # The hub's watch on the register runs meanwhile; it must not end the new session.
        time.sleep(2.5)
        assert dan.is_logged_in


def test_a_reissued_code_ends_sessions_even_if_nobody_logs_in(hub: Hub) -> None:
    with hub.browser() as browser:
        browser.log_in(hub.codes["eve"])
        key = browser.api("POST", "/users/eve/tokens", json={}).json()["token"]
        bearer = {"Authorization": f"token {key}"}
        hub.reissue("eve")
        asked = partial(httpx.get, f"{hub.address}/hub/api/user", headers=bearer, timeout=30)
        assert eventually(lambda: asked().status_code == 403, 2)
        assert not browser.is_logged_in


def test_a_removed_person_is_out_and_a_late_one_is_in(hub: Hub) -> None:
    with hub.browser() as guy, hub.browser() as late:
        guy.log_in(hub.codes["guy"])
        assert guy.is_logged_in
        everybody_else = [person for person in (*PEOPLE, TEACHER) if person.username != "guy"]
        ensure_seats(hub.seats, everybody_else)
        assert eventually(lambda: not guy.is_logged_in, 2)
        assert message(guy.log_in(hub.codes["guy"])) == (
            "Seat 07 is no longer in use. Please ask the instructor."
        )
        joined = add_seat(hub.seats, Person("Late Comer", "", "attendee", "late"))
        assert late.log_in(str(joined.new_codes[0].code)).status_code == 302


def test_a_guesser_is_stopped_and_the_holder_gets_in(hub: Hub) -> None:
    answers = []
    for number in range(12):
        # Headers that claim another address are of no use.
        forged = {"X-Real-Ip": f"10.0.0.{number}", "X-Forwarded-For": f"10.1.0.{number}"}
        with hub.browser(forged) as guesser:
            answers.append(guesser.log_in(f"06-0000-{number:04d}"))
    assert [answer.status_code for answer in answers] == [403] * 5 + [429] * 7
    assert int(answers[-1].headers["Retry-After"]) in range(1, 21)
    assert re.fullmatch(
        r"Too many tries\. Please wait \d+ seconds?, then try again\.", message(answers[-1])
    )
    with hub.browser(source="127.0.0.2") as fay:
        assert fay.log_in(hub.codes["fay"]).status_code == 302


def test_no_code_reaches_the_log(hub: Hub) -> None:
    log = hub.log.read_text()
    assert "too many tries" in log
    for code in hub.codes.values():
        assert code not in log
        assert code[-9:] not in log
