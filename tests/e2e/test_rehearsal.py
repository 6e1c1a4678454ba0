"""Robots try the hub before people arrive, and leave nothing of themselves."""

from __future__ import annotations

import json
import pwd

from tests.e2e.conftest import MakeWorkshop


def test_robots_work_at_the_same_time_and_nothing_of_them_stays(
    make_workshop: MakeWorkshop,
) -> None:
    workshop = make_workshop("rehearsed", ["rh-ada"])
    workshop.up("--no-start-seats")
    workshop.cli("release")
    output = workshop.cli("rehearse", "--seats", "3", "--json").stdout
    found = json.loads(output[output.index("{\n") :])
    assert found["problems"] == []
    steps = {each["step"] for each in found["times"]}
    assert {"login", "server", "first cell", "sums: fetch", "sums: submit"} <= steps
    assert "robot" not in workshop.cli("seat", "list", "--json").stdout
    assert not [each for each in workshop.status()["seats"] if "robot" in each["username"]]
    assert not [each for each in pwd.getpwall() if each.pw_name.startswith("ws-robot")]
    assert not [*workshop.paths.homes.glob("*robot*")]
    assert not [*workshop.paths.exchange.glob("submissions/*/*robot*")]
