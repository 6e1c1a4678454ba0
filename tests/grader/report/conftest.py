"""Two classes to report on: one as it could be, and one small enough to count by hand."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from grader.results import (
    Attendee,
    CellResult,
    ClassResults,
    Exercise,
    Lab,
    SubmissionResult,
    Verdict,
)

CET = timezone(timedelta(hours=1), "CET")
START = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)

NAMES = (
    "Ada Lovelace", "Zoë O’Brien", "Émile Dupré", "Grace Hopper", "Łukasz Żak",
    "Karen Spärck Jones", "Alan Turing", "Noor al-Hassan",
    "Mary Ann O'Neil", "Søren Kierkegaard", "Katherine Johnson",
    "Wolfeschlegelsteinhausenbergerdorff the Elder",
)  # fmt: skip

LABS = {
    "tokenisation": ("Tokenisation: from characters to word pieces", (
        "Split into words", "Count characters", "Normalise Unicode", "The most frequent pair",
        "Merge a pair", "Train byte-pair encoding", "Encode with merges", "Greedy WordPiece",
    )),
    "embeddings": ("Word embeddings and analogies", (
        "Build a vocabulary", "Count co-occurrences", "Positive PMI", "Cosine similarity",
        "Nearest neighbours", "Solve analogies", "When analogies fail",
    )),
}  # fmt: skip

FAILURES = (
    ("AssertionError", "AssertionError: the most frequent pair is ('e', 's'), not ('l', 'o')"),
    ("AssertionError", "AssertionError: an empty text should give an empty list"),
    ("NotImplementedError", "NotImplementedError: write your answer here"),
    ("NameError", "NameError: name 'merges' is not defined"),
    ("TypeError", "TypeError: 'NoneType' object is not iterable"),
    ("KeyError", "KeyError: '[UNK]'"),
    ("TimeoutError", "The cell ran for longer than 60 seconds."),
    ("", "The answer differs in 3 of 40 places."),
)  # fmt: skip


def make_up_class(attendees: int = 12, extra_exercises: int = 0, seed: int = 4) -> ClassResults:
    """A class as it could be: abilities differ, later exercises are harder, some people leave."""
    chance = random.Random(seed)
    labs = tuple(_lab(name, *about, extra_exercises) for name, about in LABS.items())
    people = tuple(
        Attendee(f"seat{number:03d}", NAMES[(number - 1) % len(NAMES)])
        for number in range(1, attendees + 1)
    )
    submissions = []
    # Some people on the roster never come.
    for person in people[: attendees - attendees // 12]:
        ability = chance.betavariate(6, 2)
        for order, lab in enumerate(labs):
            if chance.random() < 0.04 + 0.06 * order:
                continue
            moment = START + timedelta(minutes=70 * order + chance.gauss(38, 12), seconds=17)
            cells = tuple(
                _result(chance, exercise, ability - 0.45 * index / len(lab.exercises))
                for index, exercise in enumerate(lab.exercises)
            )
            submissions.append(SubmissionResult(person.username, lab.name, moment, cells))
    generated = (START + timedelta(hours=3)).astimezone(CET)
    title = "Natural language processing, hands on"
    return ClassResults("nlp", title, generated, labs, people, tuple(submissions))


def _lab(name: str, title: str, exercises: tuple[str, ...], extra: int) -> Lab:
    titles = [*exercises, *(f"Variation {number}" for number in range(1, extra + 1))]
    return Lab(
        name,
        title,
        tuple(
            Exercise(name, f"cell-{number:02d}", title, 1 + number % 3)
            for number, title in enumerate(titles, 1)
        ),
    )


def _result(chance: random.Random, exercise: Exercise, ease: float) -> CellResult:
    luck = chance.random()
    if exercise.cell == "cell-01" or luck < ease + 0.15:
        return CellResult(exercise, "passed", exercise.points)
    favourites = [FAILURES[(len(exercise.title) + turn) % len(FAILURES)] for turn in range(3)]
    (cause, reason), *_ = chance.choices(favourites, weights=(6, 3, 1))
    if luck > 0.985:
        return CellResult(exercise, "not judged", 0, "The machine ran out of memory while judging.")
    if luck < ease + 0.3:
        return CellResult(exercise, "partial", exercise.points / 2, reason, cause)
    return CellResult(exercise, "failed", 0, reason, cause)


@pytest.fixture
def class_of_four() -> ClassResults:
    """Small enough to count by hand: two labs, 10 points, four attendees, one of them absent."""
    one = Exercise("one", "a", "First", 2), Exercise("one", "b", "Second", 4)
    two = (Exercise("two", "c", "Third", 4),)
    labs = Lab("one", "Lab one", one), Lab("two", "Lab two", two)
    people = tuple(Attendee(name, name.title()) for name in ("ann", "bob", "cem", "dee"))

    def handed_in(
        who: str, exercises: tuple[Exercise, ...], *got: tuple[Verdict, float, str, str]
    ) -> SubmissionResult:
        cells = tuple(CellResult(e, *each) for e, each in zip(exercises, got, strict=True))
        return SubmissionResult(who, exercises[0].lab, START, cells)

    return ClassResults(
        course="tiny",
        title="A tiny course",
        generated_at=START.astimezone(CET),
        labs=labs,
        attendees=people,
        submissions=(
            handed_in("ann", one, ("passed", 2, "", ""), ("passed", 4, "", "")),
            handed_in("ann", two, ("failed", 0, "KeyError: 'x'\nmore", "KeyError")),
            handed_in(
                "bob", one, ("passed", 2, "", ""), ("partial", 1, "KeyError: 'x'", "KeyError")
            ),
            handed_in("bob", two, ("failed", 0, "wrong answer", "")),
            handed_in("cem", one, ("passed", 2, "", ""), ("not judged", 0, "host lost", "")),
        ),
    )


@pytest.fixture
def made_up_class() -> Callable[..., ClassResults]:
    return make_up_class


@pytest.fixture(params=["whole", "unstarted", "nobody", "no labs", "one lab", "one attendee"])
def any_class(request: pytest.FixtureRequest) -> ClassResults:
    """A class in each state in which somebody may ask for the report."""
    whole = make_up_class()
    return {
        "whole": whole,
        "unstarted": replace(whole, submissions=()),
        "nobody": replace(whole, submissions=(), attendees=()),
        "no labs": replace(whole, submissions=(), labs=()),
        "one lab": replace(whole, labs=whole.labs[:1]),
        "one attendee": replace(
            whole, submissions=whole.submissions[:1], attendees=whole.attendees[:1]
        ),
    }[request.param]
