"""From facts to the page: what is said, what is not known, and what must never be markup."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from hub_config.wall.facts import Facts, Fleet, Grading, Host
from hub_config.wall.heat_map import heat_map, path
from hub_config.wall.help_desk import Call
from hub_config.wall.messages import Message
from hub_config.wall.money import money_now
from hub_config.wall.queue import queue_now
from hub_config.wall.render import page, sections
from hub_config.wall.view import Told, wall_view
from tests.hub_config.wall.a_class import NOW, a_class, told

HOSTILE = "<script>owned()</script><img src=x onerror=owned()>\"'"


def plain(html: str) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_every_seat_is_on_the_wall_and_counted_once() -> None:
    facts = a_class(60)
    wall = wall_view(facts, told(facts), NOW)
    assert len(wall.tiles) == 60
    assert sum(count for _, count in wall.counts) == 60
    assert dict(wall.counts)["dead"] == sum(tile.state == "dead" for tile in wall.tiles)


def test_names_messages_and_reasons_are_text_wherever_they_stand() -> None:
    facts = a_class(12)
    people = tuple(replace(person, name=HOSTILE) for person in facts.people)
    lab = replace(facts.labs[0], title=HOSTILE)
    exercise = replace(lab.exercises[0], title=HOSTILE)
    work = replace(facts.work[0], problem=HOSTILE)
    hosts = (Host(HOSTILE, "dead", problem=HOSTILE, seats=(people[0].username,)),)
    facts = replace(
        facts,
        people=people,
        labs=(replace(lab, exercises=(exercise, *lab.exercises[1:])), *facts.labs[1:]),
        work=(work, *facts.work[1:]),
        not_judged=((work.attendee, work.lab, ""),),
        hosts=hosts,
        grading=Grading(held=((HOSTILE, HOSTILE),), failed=((HOSTILE, HOSTILE, HOSTILE),)),
        troubles=(HOSTILE,),
        workshop=HOSTILE,
    )
    said = Told(
        (Call(people[0].username, NOW, HOSTILE), Call(HOSTILE, NOW, "")),
        (Message("m", HOSTILE, NOW, NOW + timedelta(minutes=1), HOSTILE),),
    )
    html = page(wall_view(facts, said, NOW), "token")
    assert html.count("owned()") > 10
    assert "<script>owned" not in html
    assert "<img" not in html
    # Nor does a quote end an attribute.
    assert not re.search(r"onerror=owned\(\)>\"", html)


def test_without_any_facts_the_page_says_so() -> None:
    html = page(wall_view(None, Told(), NOW), "token")
    assert "Nothing has been gathered yet" in html
    assert "No seat is known yet" in html


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"servers": None, "troubles": ("The hub does not answer.",)}, "The hub does not answer."),
        ({"hosts": ()}, "No host is known yet."),
        ({"labs": (), "work": ()}, "No lab has been released yet."),
        ({"grading": None}, "Nothing is graded by itself"),
        ({"fleet": None}, "Nothing here is paid for by the hour."),
        ({"fleet": Fleet()}, "not known so far"),
        ({"people": ()}, "No seat is known yet."),
    ],
)
def test_what_is_missing_is_said_in_words(changes: dict[str, object], sentence: str) -> None:
    facts = replace(a_class(12), **changes)
    html = page(wall_view(facts, Told(), NOW), "token")
    assert sentence in plain(html)


def test_old_facts_are_called_old() -> None:
    facts = a_class(12)
    assert wall_view(facts, Told(), facts.taken_at + timedelta(seconds=74)).troubles == ()
    (said,) = wall_view(facts, Told(), facts.taken_at + timedelta(minutes=4)).troubles
    assert "4 min old" in said


@pytest.mark.parametrize(("seats", "density"), [(24, "few"), (60, "some"), (300, "many")])
def test_tiles_get_denser_with_the_class(seats: int, density: str) -> None:
    assert wall_view(a_class(seats), Told(), NOW).density == density


def test_a_page_of_300_seats_stays_small() -> None:
    facts = a_class(300)
    assert len(page(wall_view(facts, told(facts), NOW), "token")) < 250_000


def test_help_wanted_says_who_where_and_since_when() -> None:
    facts = a_class(12)
    call = Call("seat07", NOW - timedelta(minutes=4), "the loss is nan")
    said = plain(sections(wall_view(facts, Told((call,)), NOW))["help"])
    assert said.startswith("07 ")
    assert "for 4 min, on gpu-01 the loss is nan" in said


def test_a_host_in_trouble_comes_first() -> None:
    facts = a_class(60)
    since = NOW - timedelta(seconds=12)
    silent = Host("gpu-99", "silent", since, ("seat01",), cores=8, load=2.0)
    wall = wall_view(replace(facts, hosts=(*facts.hosts, silent)), Told(), NOW)
    assert wall.hosts[0].name == "gpu-99"
    assert wall.hosts[0].says == "silent, for 12 s, 1 seat"
    # What it measured before it fell silent is not shown.
    assert wall.hosts[0].meters == ()
    assert "1 host in trouble" in plain(sections(wall)["headline"])


def test_a_host_that_runs_out_of_disk_is_in_trouble() -> None:
    facts = replace(a_class(12), hosts=(Host("gpu-1", "well", disk_free_bytes=1 << 30),))
    (host,) = wall_view(facts, Told(), NOW).hosts
    assert host.trouble
    assert host.says == "well, only 1.0 GB of disk left"


def test_a_row_of_the_heat_map_says_in_words_what_it_shows() -> None:
    facts = a_class(60)
    row = heat_map(facts).labs[0].rows[0]
    handed_in = sum("double" in each.outcomes for each in facts.work)
    assert sum(row.counts.values()) == handed_in
    assert row.words.endswith(f"{60 - handed_in} handed in nothing")
    # One square for each attendee who handed in.
    squares = sum(int(width) for _, d in row.paths for width in re.findall(r"h(\d+)v", d))
    assert squares == handed_in


def test_neighbours_of_one_shade_are_one_rectangle() -> None:
    shades = ("passed", "passed", None, "failed", "passed")
    assert path(shades, "passed") == "M0 0h2v1h-2zM4 0h1v1h-1z"


def test_what_waits_for_an_assistant_is_named_with_its_reason() -> None:
    facts = a_class(12)
    (seat01,) = [each for each in facts.work if each.attendee == "seat01" and each.lab == "arrays"]
    facts = replace(
        facts,
        # One of the two has been marked by hand since.
        work=(replace(seat01, not_judged={"softmax": "out of memory", "double": "lost"}),),
        not_judged=(("seat01", "arrays", "softmax"),),
        grading=Grading(failed=(("arrays", "seat02", "no space"), ("arrays", "gone", "no space"))),
    )
    first, second, third = queue_now(facts).not_judged
    assert (first.username, first.what) == ("seat01", "Exercise 3: a softmax that never overflows")
    assert (second.username, second.reason) == ("seat02", "no space")
    assert third.person is None


def fleet(**changes: object) -> Fleet:
    told = {"hourly": (2.0, 3.0), "spent": (1.0, 1.5), "at": NOW - timedelta(hours=2)}
    return Fleet(**(told | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (fleet(), "$5.00 to $7.50"),
        (fleet(hourly=(1.5, 1.5), spent=(1.0, 1.0)), "$4.00"),
        (fleet(hourly=None), "not known"),
        (fleet(spent=None), "not known"),
        (fleet(at=NOW + timedelta(hours=1)), "$1.00 to $1.50"),
    ],
)
def test_money_so_far_goes_on_from_what_was_told(told: Fleet, words: str) -> None:
    assert money_now(told, NOW).so_far == words


@pytest.mark.parametrize(
    ("minutes", "left", "soon"),
    [(31, "31 min", False), (125, "2 h 05 min", False), (29, "29 min", True), (-1, "past", True)],
)
def test_a_deadline_that_comes_soon_is_shown_as_such(minutes: int, left: str, soon: bool) -> None:
    now = money_now(fleet(deadline=NOW + timedelta(minutes=minutes)), NOW)
    assert (now.left, now.soon) == (left, soon)


def test_the_same_facts_give_the_same_sections() -> None:
    facts: Facts = a_class(12)
    assert sections(wall_view(facts, told(facts), NOW)) == sections(
        wall_view(facts, told(facts), NOW)
    )
