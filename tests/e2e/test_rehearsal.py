"""Robots try the hub before people arrive, and leave nothing of themselves."""

from __future__ import annotations

import json
import pwd
import signal
import subprocess
import time
from typing import Any

import pytest

from tests.e2e.conftest import MakeWorkshop
from tests.e2e.gradebook_facts import hub_python
from tests.e2e.running import RunningWorkshop

FULL_WAY = ["login", "server", "lab page", "fetch", "first cell", "come back", "submit", "feedback"]


@pytest.fixture(scope="module")
def workshop(make_workshop: MakeWorkshop) -> RunningWorkshop:
    made = make_workshop("rehearsed", ["rh-ada"], instructor="rh-grace", on_submit=True)
    made.up("--no-start-seats")
    made.cli("release")
    return made


def traces(workshop: RunningWorkshop) -> list[str]:
    """Whatever a robot could have left, on disk and in the machine's accounts."""
    found = [str(path) for path in workshop.paths.home.rglob("*robot-*") if "lib" not in path.parts]
    found += [each.pw_name for each in pwd.getpwall() if each.pw_name.startswith("ws-robot")]
    found += [each["username"] for each in workshop.status()["seats"] if "robot" in str(each)]
    listed = workshop.cli("seat", "list", "--json").stdout
    return [*found, *(["the seat list"] if "robot" in listed else []), *students(workshop)]


def students(workshop: RunningWorkshop) -> list[str]:
    """Robots that the gradebook knows."""
    code = f"""
from nbgrader.api import Gradebook
with Gradebook("sqlite:///{workshop.paths.course / "gradebook.db"}") as book:
    print(*[each.id for each in book.students if each.id.startswith("robot")])
"""
    return hub_python(workshop, "-c", code).split()


def test_robots_go_the_whole_way_at_the_same_time_and_nothing_of_them_stays(
    workshop: RunningWorkshop,
) -> None:
    output = workshop.cli("rehearse", "--seats", "3", "--patience", "200", "--json").stdout
    found: dict[str, Any] = json.loads(output[output.index("{\n") :])
    assert found["troubles"] == []
    assert found["verdict"] == "green"
    assert [each["stage"] for each in found["stages"]] == FULL_WAY
    # One of three shut the tab and went on in another browser.
    assert {each["stage"]: each["robots"] for each in found["stages"]}["come back"] == 1
    assert found["devices"] == [["cpu(0)", 3]]
    assert {"hub", "proxy", "exchange"} <= {each["name"] for each in found["load"]["programs"]}
    page = (workshop.paths.reports / "rehearsal.html").read_text()
    assert "Green: this class can begin" in page
    assert traces(workshop) == []


@pytest.mark.thorough
def test_after_ctrl_c_nothing_of_the_robots_stays_either(workshop: RunningWorkshop) -> None:
    command = workshop.command("rehearse", "--seats", "2")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        deadline = time.monotonic() + 60
        while not [*workshop.paths.homes.glob("robot-*/.local")] and time.monotonic() < deadline:
            time.sleep(0.1)
        assert [*workshop.paths.homes.glob("robot-*")]
        running.send_signal(signal.SIGINT)
        output, _ = running.communicate(timeout=120)
    assert running.returncode != 0, output
    assert traces(workshop) == []
