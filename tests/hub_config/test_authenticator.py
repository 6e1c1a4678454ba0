"""The authenticator decides by the register alone, and before it works hard."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import HTTPError
from traitlets.config import Config

from hub_config.authenticator import SeatAuthenticator, client_address
from hub_config.people import Person
from hub_config.seat_code import CodeHash
from hub_config.seats import ensure_seats, reissue

ANN = Person("Ann Lee", "ann@example.org", "attendee", "ann")
ADA = Person("Ada", "ada@example.org", "instructor", "ada")


@dataclass
class Visit:
    """What the authenticator asks of a hub's request handler: a real request, and no user yet."""

    address: str = "192.0.2.7"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def request(self) -> HTTPServerRequest:
        proxied = {"Host": "hub", "X-Forwarded-For": f",{self.address}", **self.headers}
        line = RequestStartLine("POST", "/hub/login", "HTTP/1.1")
        return HTTPServerRequest(headers=HTTPHeaders(proxied), start_line=line)

    def find_user(self, name: str) -> None:
        return None


@pytest.fixture
def seats(tmp_path: Path) -> Path:
    return tmp_path / "seats.json"


@pytest.fixture
def codes(seats: Path) -> dict[str, str]:
    issued = ensure_seats(seats, [ANN, ADA]).new_codes
    return {each.seat.username: str(each.code) for each in issued}


@pytest.fixture
def authenticator(seats: Path, codes: dict[str, str]) -> SeatAuthenticator:
    return SeatAuthenticator(config=Config({"SeatAuthenticator": {"seats_file": str(seats)}}))


async def log_in(authenticator: SeatAuthenticator, visit: Visit | None = None, **form: str) -> dict:
    return await authenticator.get_authenticated_user(visit or Visit(), form)


async def refused(authenticator: SeatAuthenticator, **form: str) -> HTTPError:
    with pytest.raises(HTTPError) as caught:
        await log_in(authenticator, **form)
    return caught.value


async def test_a_code_says_who_in_which_group(
    authenticator: SeatAuthenticator, codes: dict[str, str]
) -> None:
    user = await log_in(authenticator, code=codes["ann"])
    assert (user["name"], user["groups"], user["admin"]) == ("ann", ["attendees"], False)
    assert user["user_info"] == {
        "name": "Ann Lee",
        "display_name": "Ann Lee",
        "seat": 1,
        "issue": 1,
    }
    assert (await log_in(authenticator, code=codes["ada"]))["groups"] == ["instructors"]


async def test_a_user_name_must_be_the_seat_s_own(
    authenticator: SeatAuthenticator, codes: dict[str, str]
) -> None:
    assert (await log_in(authenticator, username="ann", password=codes["ann"]))["name"] == "ann"
    error = await refused(authenticator, username="ada", password=codes["ann"])
    assert error.status_code == 403


async def test_nothing_or_nonsense_is_refused_in_words(authenticator: SeatAuthenticator) -> None:
    for form in ({}, {"code": ""}, {"code": "hello"}, {"code": "9" * 10_000}):
        error = await refused(authenticator, **form)
        assert error.log_message.startswith("That is not a seat code.")


async def test_a_throttled_try_is_not_hashed(
    authenticator: SeatAuthenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    real = CodeHash.matches
    monkeypatch.setattr(CodeHash, "matches", lambda self, s: hashed.append(s) or real(self, s))
    errors = [await refused(authenticator, code=f"01-0000-{n:04d}") for n in range(1000)]
    assert [error.status_code for error in errors[:6]] == [403] * 5 + [429]
    # Five at once, then one per twenty seconds while the test runs.
    assert 5 <= len(hashed) <= 8
    assert sum(error.status_code == 429 for error in errors) == 1000 - len(hashed)


async def test_the_holder_elsewhere_gets_in_while_somebody_guesses(
    authenticator: SeatAuthenticator, codes: dict[str, str]
) -> None:
    for n in range(100):
        await refused(authenticator, code=f"01-0000-{n:04d}")
    user = await log_in(authenticator, Visit("192.0.2.99"), code=codes["ann"])
    assert user["name"] == "ann"


async def test_a_change_of_the_register_counts_at_once(
    authenticator: SeatAuthenticator, seats: Path, codes: dict[str, str]
) -> None:
    new = str(reissue(seats, "ann").new_codes[0].code)
    assert (await refused(authenticator, code=codes["ann"])).status_code == 403
    assert (await log_in(authenticator, code=new))["user_info"]["issue"] == 2
    ensure_seats(seats, [ADA])
    error = await refused(authenticator, code=new)
    assert error.log_message == "Seat 01 is no longer in use. Please ask the instructor."
    assert not authenticator.check_allowed("ann")
    assert authenticator.check_allowed("ada")
    assert not authenticator.check_allowed("root")


async def test_a_code_that_is_reissued_while_it_is_hashed_is_refused(
    authenticator: SeatAuthenticator,
    seats: Path,
    codes: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = CodeHash.matches
    monkeypatch.setattr(
        CodeHash, "matches", lambda self, s: reissue(seats, "ann") and real(self, s)
    )
    assert (await refused(authenticator, code=codes["ann"])).status_code == 403


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_text("{")])
async def test_without_a_register_nobody_enters(
    authenticator: SeatAuthenticator, seats: Path, codes: dict[str, str], spoil: object
) -> None:
    spoil(seats)
    error = await refused(authenticator, code=codes["ann"])
    assert error.status_code == 503


def test_the_address_is_the_one_our_proxy_saw() -> None:
    forged = {"X-Real-Ip": "10.0.0.1", "X-Forwarded-For": "10.0.0.2, 192.0.2.7"}
    assert client_address(Visit(headers=forged)) == "192.0.2.7"
