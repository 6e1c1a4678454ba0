"""What the wall says of thirty minutes more: what it offers, what came of it, who is behind."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from hub_config.extending.records import NOT_YET, STEP, Extension, Extensions, Wish
from hub_config.wall.facts import Fleet
from hub_config.wall.render import sections
from hub_config.wall.view import Told, wall_view
from tests.hub_config.wall.a_class import NOW, a_class

END = NOW + timedelta(minutes=20)
WISH = Wish("w1", "grace", NOW - timedelta(seconds=30), END - STEP)
DONE = Extension(WISH, NOW - timedelta(seconds=20), END)


def money(fleet: Fleet | None, wish: Wish | None = None) -> str:
    facts = replace(a_class(12), fleet=fleet)
    return sections(wall_view(facts, Told(wish=wish), NOW))["money"]


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def fleet(*done: Extension, **changes: object) -> Fleet:
    told = {"hourly": (2.0, 3.0), "deadline": END, "times_left": 2}
    return Fleet(**{**told, "extensions": Extensions(done), **changes})


def test_the_button_says_what_it_gives_what_that_costs_and_how_often() -> None:
    html = money(fleet())
    assert f'data-shown="{END.isoformat()}"' in html
    assert f'data-to="{(END + STEP).isoformat(timespec="seconds")}"' in html
    assert 'data-costs="$1.00 to $1.50"' in html
    assert 'data-left="2"' in html


@pytest.mark.parametrize("told", [None, Fleet(), fleet(deadline=None)])
def test_where_no_host_ends_itself_there_is_no_button(told: Fleet | None) -> None:
    html = money(told)
    assert "data-do" not in html
    assert "workshop extend" not in html


def test_when_staff_have_given_all_the_wall_says_who_can_give_more() -> None:
    html = money(fleet(times_left=0))
    assert "data-do" not in html
    assert "workshop extend 30" in html


def test_while_it_is_done_nobody_can_press_again() -> None:
    html = money(fleet(deadline=END - STEP), WISH)
    assert "data-do" not in html
    assert "asked for by grace: the hosts are being told" in html


def test_what_was_done_is_said_with_who_wished_it_until_it_is_old() -> None:
    html = money(fleet(DONE), WISH)
    assert "Extended by grace at" in html
    assert "data-do" in html
    old = replace(DONE, done_at=NOW - timedelta(minutes=11))
    assert "Extended" not in money(fleet(old), replace(WISH, at=NOW - timedelta(minutes=12)))


def test_a_host_that_kept_its_time_is_named_until_it_has_the_new_one() -> None:
    old = timedelta(hours=1)
    behind = replace(DONE, done_at=NOW - old, behind={"gpu-03": "no answer"})
    assert "gpu-03 still ends at its old time: no answer. It is tried again." in plain(
        money(fleet(behind))
    )
    # A moment after the press nothing has gone wrong.
    assert "gpu-03" not in money(fleet(replace(DONE, behind={"gpu-03": NOT_YET})))
    stuck = replace(DONE, done_at=NOW - old, behind={"gpu-03": NOT_YET})
    assert "gpu-03" in money(fleet(stuck))


def test_a_refusal_and_a_silence_are_said() -> None:
    refused = Extension(WISH, NOW, problem="nothing was moved: systemctl says no")
    assert "30 minutes more: nothing was moved: systemctl says no" in plain(money(fleet(refused)))
    forgotten = replace(WISH, at=NOW - timedelta(minutes=3))
    html = money(fleet(deadline=END - STEP), forgotten)
    assert "nobody answered" in html
    assert "data-do" in html


def test_a_host_without_its_service_is_in_trouble_and_its_seats_are_not() -> None:
    facts = a_class(12)
    host = replace(facts.hosts[0], state="no service", since=NOW - timedelta(seconds=12))
    before = dict(wall_view(facts, Told(), NOW).counts)
    wall = wall_view(replace(facts, hosts=(host, *facts.hosts[1:])), Told(), NOW)
    assert wall.hosts[0].trouble
    assert wall.hosts[0].says.startswith("no service, for 12 s")
    assert wall.hosts[0].meters == ()
    assert dict(wall.counts) == before
