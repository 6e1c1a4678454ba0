"""The verdict of a rehearsal follows from what was measured, and says what to change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hub_config.rehearsal.advice import advice
from hub_config.rehearsal.journey import Journey, Step
from hub_config.rehearsal.load import Load, ProgramLoad
from hub_config.rehearsal.outcome import (
    Outcome,
    RobotsCost,
    Setting,
    StageTimes,
    percentile,
    slowest,
    stage_times,
    to_first_cell,
)
from hub_config.rehearsal.page import headline_of, outcome_facts, outcome_page
from hub_config.rehearsal.rehearse import Rehearsed
from hub_config.rehearsal.troubles import troubles

IDLE = Load(cores=2, busy=0.3, busiest=0.5, least_free_share=0.6)
SETTING = Setting(
    workshop="nlp-day",
    address="https://hub.example.org",
    began=datetime(2026, 12, 1, 8, 30, tzinfo=UTC),
    seats=4,
    over=0.0,
    started_before=False,
    lab="tokenisation",
    patience=60.0,
)


def way(username: str, *seconds: float, problem: str = "") -> Journey:
    """Login, server, page and first cell, one after the other; stuck in the next one."""
    stages = ("login", "server", "lab page", "first cell")
    journey, clock = Journey(username, arrived=100.0), 100.0
    for stage, each in zip(stages, seconds, strict=False):
        journey.steps.append(Step(stage, clock, each))
        clock += each
    if problem:
        journey.problem, journey.doing = problem, stages[len(seconds)]
    return journey


WELL = (way("robot-01", 1, 2, 1, 3), way("robot-02", 1, 4, 1, 3))


def outcome_of(journeys: tuple[Journey, ...], load: Load = IDLE, **setting: object) -> Outcome:
    stages = stage_times(journeys)
    found = Outcome(
        setting=replace(SETTING, **setting),  # type: ignore[arg-type]
        seconds=20.0,
        stages=stages,
        to_first_cell=to_first_cell(journeys),
        slowest_stage=slowest(stages),
        troubles=troubles(journeys),
        server_errors=sum(each.server_errors for each in journeys),
        devices=(("gpu(0)", 2),),
        load=load,
        robots=RobotsCost(1.0, 0.05, 80.0),
    )
    return replace(found, advice=advice(found))


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 5), (0.95, 10), (0.9, 9), (0.0, 1), (1.0, 10)]
)
def test_a_percentile_is_a_value_that_somebody_had(share: float, expected: int) -> None:
    assert percentile([10, 1, 9, 2, 8, 3, 7, 4, 6, 5], share) == expected


def test_times_are_told_per_stage_and_from_the_code_to_the_first_cell() -> None:
    found = outcome_of(WELL)
    assert [each.stage for each in found.stages] == ["login", "server", "lab page", "first cell"]
    assert found.stages[1] == StageTimes("server", 2, 2, 4, 4)
    assert found.to_first_cell == StageTimes("code to first cell", 2, 7, 9, 9)
    assert found.slowest_stage == "server"
    assert found.green


def test_feedback_is_never_the_slowest_stage_because_grading_has_its_own_pace() -> None:
    journey = way("robot-01", 1, 2, 1, 3)
    journey.steps.append(Step("feedback", 107.0, 300.0))
    assert outcome_of((journey,)).slowest_stage == "first cell"


def test_red_when_one_robot_of_many_gets_stuck() -> None:
    found = outcome_of((*WELL, way("robot-03", 1, problem="the server did not start: no memory")))
    assert not found.green
    assert headline_of(found) == "1 of 4 robots got stuck"


def test_red_when_people_would_wait_longer_than_they_are_willing_to() -> None:
    found = outcome_of(WELL, patience=8.0)
    assert not found.green
    assert headline_of(found) == "people would wait too long"


def test_red_when_the_hub_failed_and_the_page_tried_again_by_itself() -> None:
    journey = way("robot-01", 1, 2, 1, 3)
    journey.server_errors = 2
    assert headline_of(outcome_of((journey,))) == "the hub answered 2 times with an error"
    assert not outcome_of((journey,)).green


def test_red_when_something_of_a_robot_stays() -> None:
    found = replace(outcome_of(WELL), left=("robot-02",))
    assert not found.green
    assert headline_of(found) == "robots are left behind"


def test_red_when_nobody_came_to_a_first_cell() -> None:
    assert not outcome_of((way("robot-01", 1),)).green


def test_the_same_trouble_of_many_robots_is_one_line() -> None:
    stuck = tuple(
        way(f"robot-0{n}", 1, problem=f"the server did not start: robot-0{n} on port {20000 + n}")
        for n in range(1, 6)
    )
    (trouble,) = troubles((*WELL, *stuck))
    assert (trouble.count, trouble.stage, trouble.words) == (5, "server", "A server did not start")
    assert trouble.who == ("robot-01", "robot-02", "robot-03")
    assert trouble.next_step


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ("ConnectError: All connection attempts failed", "The address did not answer"),
        ("ConnectError: [SSL: CERTIFICATE_VERIFY_FAILED]", "The certificate was not believed"),
        ("logging in: 429 Too many tries. Please wait", "Logins were refused"),
        ("the seat was given a GPU, and MXNet sees none", "MXNet saw no GPU"),
        ("the kernel that was left running is gone", "A cell did not come back"),
        ("no feedback comes: an assistant will look at it", "No feedback came"),
        ("ReadTimeout", "Nobody answered in time"),
        ("opening /hub/login: 502 Bad Gateway", "The hub or the proxy answered with an error"),
        ("something new", "Robots could not go on"),
    ],
)
def test_troubles_are_said_in_words(problem: str, words: str) -> None:
    (trouble,) = troubles((way("robot-01", problem=problem),))
    assert trouble.words.startswith(words)


SLOW = (way("robot-01", 1, 80, 1, 3), way("robot-02", 1, 90, 1, 3))
HUB_BUSY = Load(2, 0.5, 0.9, 0.5, (ProgramLoad("hub", 0.95, 200.0),))


@pytest.mark.parametrize(
    ("found", "advised"),
    [
        (outcome_of(WELL), []),
        (outcome_of(SLOW), ["Start everybody's server", "Let people come over a longer time"]),
        (outcome_of(SLOW, started_before=True, over=300.0), []),
        (
            outcome_of(SLOW, Load(2, 0.95, 1.0, 0.5), started_before=True, over=300.0),
            ["Take a larger type of machine, or fewer seats per host: its 2 cores were busy 95%"],
        ),
        (outcome_of(WELL, Load(2, 0.3, 0.5, 0.04)), ["Seat fewer people per host"]),
        (outcome_of(WELL, HUB_BUSY), ["Take a hub host with faster cores"]),
    ],
)
def test_advice_names_the_cause(found: Outcome, advised: list[str]) -> None:
    assert len(found.advice) == len(advised)
    for said, expected in zip(found.advice, advised, strict=True):
        assert said.startswith(expected)


def test_the_page_stands_alone_and_shows_what_robots_were_told_as_text() -> None:
    stuck = way("robot-03", 1, problem="spawn <script>alert(1)</script> failed")
    journeys = (*WELL, stuck)
    page = outcome_page(Rehearsed(outcome_of(journeys), journeys))
    assert "Red: 1 of 4 robots got stuck" in page
    assert "&lt;script&gt;alert(1)" in page
    for outside in ("<script", "<link", "src=", "@import", "url("):
        assert outside not in page
    assert page.count('<svg viewBox="0 0 1200') == 1
    assert page.count("<circle") == 1


def test_the_facts_for_programs_say_the_verdict_in_a_word() -> None:
    facts = outcome_facts(outcome_of(WELL))
    assert (facts["verdict"], facts["troubles"], facts["slowest_stage"]) == ("green", (), "server")
    assert facts["setting"]["began"] == "2026-12-01T08:30:00+00:00"
