"""Seat codes can't be guessed at the login page, and guessing keeps nobody out."""

from __future__ import annotations

from collections.abc import Sequence

import httpx

from hub_config.seat_code import ALPHABET
from tests.e2e.isolation.classroom import ADA, CANARY, Classroom


async def test_guessing_is_slowed_down_and_the_owner_still_gets_in(classroom: Classroom) -> None:
    code = classroom.workshop.codes[ADA]
    answers = await try_codes(classroom, "127.0.0.66", wrong_codes(code, 12))
    statuses = [answer.status_code for answer in answers]
    assert statuses[:5] == [403] * 5
    assert statuses[5:] == [429] * 7
    assert int(answers[-1].headers["Retry-After"]) >= 10
    assert not any(CANARY in answer.text or ADA in answer.text for answer in answers)
    # Now even the right code would be an oracle there, and it is none.
    assert [a.status_code for a in await try_codes(classroom, "127.0.0.66", [code])] == [429]
    # The owner sits elsewhere.
    owner = await try_codes(classroom, "127.0.0.77", [code])
    assert owner[0].status_code == 302


async def test_a_guesser_who_claims_other_addresses_is_slowed_down_too(
    classroom: Classroom,
) -> None:
    code = classroom.workshop.codes[ADA]
    statuses = []
    for number, guess in enumerate(wrong_codes(code, 9)):
        claims = {
            name: f"198.51.100.{number}"
            for name in ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "X-Client-Ip")
        }
        answers = await try_codes(classroom, "127.0.0.88", [guess], claims)
        statuses.append(answers[0].status_code)
    assert statuses == [403] * 5 + [429] * 4


async def try_codes(
    classroom: Classroom, address: str, codes: Sequence[str], headers: dict[str, str] | None = None
) -> list[httpx.Response]:
    """Type codes into the real login form, from an address of one's own."""
    transport = httpx.AsyncHTTPTransport(local_address=address)
    answers = []
    async with classroom.visitor(transport=transport, headers=headers) as browser:
        await browser.get("/hub/login")
        form = {"_xsrf": browser.cookies["_xsrf"]}
        for code in codes:
            answers.append(await browser.post("/hub/login", data={**form, "code": code}))
    return answers


def wrong_codes(code: str, count: int) -> list[str]:
    """Codes of the same seat that differ from the right one."""
    wrong = [code[:-1] + letter for letter in ALPHABET if letter != code[-1]]
    return wrong[:count]
