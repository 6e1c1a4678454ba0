"""Whose work a submission is, the hub's token says: nobody submits for another."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hub_config.programs import exchange_url
from hub_config.rehearsal.robot import Robot
from tests.e2e.isolation.classroom import (
    ADA,
    EVE,
    KERNEL,
    LAB,
    Classroom,
    form_token,
    token_of,
    zipped,
)

#: Runs nbgrader as a seat's terminal would; prints its status and what it said.
_NBGRADER = """
import os, subprocess
done = subprocess.run(
    ["nbgrader", "submit", *arguments], env=os.environ | variables, cwd=folder,
    capture_output=True, text=True,
)
print("STATUS", done.returncode, done.stdout, done.stderr)
"""


async def nbgrader_submit(
    robot: Robot, *arguments: str, folder: str = ".", **variables: str
) -> str:
    facts = f"arguments, folder, variables = {list(arguments)}, {folder!r}, {variables}\n"
    return await robot.run_cell(KERNEL, facts + _NBGRADER)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--student=iso-ada", LAB),
        ("--CourseDirectory.student_id=iso-ada", LAB),
        ("--ExchangeSubmit.strict=True", "--student", "iso-ada", f"--assignment={LAB}"),
    ],
)
async def test_the_nbgrader_command_refuses_another_s_name(
    classroom: Classroom, eve: Robot, arguments: tuple[str, ...]
) -> None:
    before = classroom.submissions(EVE)
    said = await nbgrader_submit(eve, *arguments)
    assert "STATUS 1" in said
    assert "You are 'iso-eve' and can't act for 'iso-ada'" in said
    assert classroom.submissions(EVE) == before


async def test_a_forged_environment_changes_nobody_s_name(classroom: Classroom, eve: Robot) -> None:
    before = len(classroom.submissions(EVE))
    forged = {name: ADA for name in ("JUPYTERHUB_USER", "USER", "LOGNAME", "NB_USER")}
    said = await nbgrader_submit(eve, LAB, **forged)
    assert "can't act for 'iso-ada'" in said
    # A forged home alone is a folder as any other: what lies there is Eve's.
    await eve.run_cell(KERNEL, f"import shutil; shutil.copytree('{LAB}', '/tmp/forged/{LAB}')")
    said = await nbgrader_submit(eve, LAB, folder="/tmp/forged", HOME="/tmp/forged")
    assert f"Kept for {EVE}" in said
    assert len(classroom.submissions(EVE)) == before + 1


async def test_no_configuration_of_the_seat_s_own_gives_it_another_name(
    classroom: Classroom, eve: Robot
) -> None:
    before = classroom.submissions(EVE)
    await eve.run_cell(
        KERNEL,
        f"""
import os, shutil
folder = "/tmp/trick"
shutil.copytree("{LAB}", folder + "/{LAB}", dirs_exist_ok=True)
for exchange in ("hub_config.exchange.plugins", "nbgrader.exchange.default"):
    place = folder + "/" + exchange.split(".")[0]
    shutil.copytree("{LAB}", place + "/{LAB}", dirs_exist_ok=True)
    open(place + "/nbgrader_config.py", "w").write(f'''
c = get_config()
c.CourseDirectory.student_id = "iso-ada"
c.CourseDirectory.course_id = "nlp"
c.ExchangeFactory.submit = "{{exchange}}.ExchangeSubmit"
c.ExchangeFactory.exchange = "{{exchange}}.Exchange"
c.Exchange.root = "/tmp"
''')
""",
    )
    assert "STATUS 1" in await nbgrader_submit(eve, LAB, folder="/tmp/trick/hub_config")
    # nbgrader's own exchange knows no hub: it may say what it likes, in the seat's own /tmp.
    await nbgrader_submit(eve, LAB, folder="/tmp/trick/nbgrader")
    assert classroom.submissions(EVE) == before


async def test_the_service_refuses_a_forged_field(classroom: Classroom, eve: Robot) -> None:
    before = classroom.submissions(EVE)
    async with exchange(classroom, await token_of(eve)) as service:
        for field in ("username", "user", "student_id", "name"):
            answer = await service.post("api/tickets", json={"assignment": LAB, field: ADA})
            assert answer.status_code == 400
            assert field in answer.json()["message"]
        for assignment in (f"../{ADA}", f"{LAB}/{ADA}", f"{LAB}/../../submissions/{LAB}/{ADA}"):
            answer = await service.post("api/tickets", json={"assignment": assignment})
            assert answer.status_code == 400
    assert classroom.submissions(EVE) == before


async def test_what_eve_uploads_is_eve_s_whatever_it_says(classroom: Classroom, eve: Robot) -> None:
    forged: dict[str, Any] = {
        "params": {"username": ADA, "user": ADA, "student_id": ADA},
        "headers": {"X-Forwarded-User": ADA, "X-User": ADA, "Cookie": f"username={ADA}"},
        "content": zipped(
            {
                "sums.ipynb": "{}",
                f"{ADA}/sums.ipynb": "{}",
                "snapshot.json": f'{{"username": "{ADA}"}}',
                "timestamp.txt": "2001-01-01 00:00:00.0 UTC",
            }
        ),
    }
    async with exchange(classroom, await token_of(eve)) as service:
        ticket = (await service.post("api/tickets", json={"assignment": LAB})).json()["ticket"]
        answer = await service.put(f"api/uploads/{ticket}", **forged)
    assert answer.status_code == 201
    assert answer.json()["username"] == EVE
    newest = classroom.submissions(EVE)[-1]
    assert newest["username"] == EVE
    assert not newest["received"].startswith("2001")


@pytest.mark.parametrize("name", ["../iso-ada/x", "/etc/x", "a/../../x"])
async def test_an_archive_that_points_out_of_itself_is_refused(
    classroom: Classroom, eve: Robot, name: str
) -> None:
    before = classroom.submissions(EVE)
    async with exchange(classroom, await token_of(eve)) as service:
        ticket = (await service.post("api/tickets", json={"assignment": LAB})).json()["ticket"]
        content = zipped({"sums.ipynb": "{}", name: "planted"})
        answer = await service.put(f"api/uploads/{ticket}", content=content)
    assert (answer.status_code, answer.json()["error"]) == (422, "bad-archive")
    assert classroom.submissions(EVE) == before


async def test_another_s_ticket_is_as_good_as_none(
    classroom: Classroom, ada: Robot, eve: Robot
) -> None:
    before = classroom.submissions(EVE)
    async with exchange(classroom, await token_of(ada)) as service:
        ticket = (await service.post("api/tickets", json={"assignment": LAB})).json()["ticket"]
    async with exchange(classroom, await token_of(eve)) as service:
        answer = await service.put(f"api/uploads/{ticket}", content=zipped({"sums.ipynb": "{}"}))
    assert (answer.status_code, answer.json()["error"]) == (410, "ticket-gone")
    assert classroom.submissions(EVE) == before


async def test_the_service_takes_no_cookie_for_a_name(classroom: Classroom, eve: Robot) -> None:
    """A page that another person opens can send cookies, but never a token."""
    async with classroom.visitor(cookies=eve.client.cookies) as browser:
        answer = await browser.post(
            "/services/exchange/api/tickets", json={"assignment": LAB}, headers=form_token(eve)
        )
    assert answer.status_code == 401


async def test_the_button_can_not_be_told_another_name(classroom: Classroom, eve: Robot) -> None:
    before = len(classroom.submissions(EVE))
    body = {"course_id": "nlp", "assignment_id": LAB, "student_id": ADA, "username": ADA}
    answer = await eve.post("assignments/submit", body)
    assert answer["success"]
    assert len(classroom.submissions(EVE)) == before + 1


def exchange(classroom: Classroom, token: str) -> httpx.AsyncClient:
    """The service as a program in a seat reaches it: directly, with the seat's token."""
    return httpx.AsyncClient(
        base_url=exchange_url(classroom.workshop.settings),
        headers={"Authorization": f"token {token}"},
        trust_env=False,
        timeout=60,
    )
