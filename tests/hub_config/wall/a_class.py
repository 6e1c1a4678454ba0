"""A class in the middle of its morning, of any size: the same one for the same size."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hub_config.wall.assistant_queue import unjudged
from hub_config.wall.facts import (
    Exercise,
    Facts,
    Fleet,
    Grading,
    Host,
    Lab,
    Moved,
    Outcome,
    Person,
    Server,
    Usage,
    Work,
)
from hub_config.wall.help_desk import Call
from hub_config.wall.messages import Message
from hub_config.wall.view import Told

NOW = datetime(2026, 11, 22, 10, 42, 7, tzinfo=UTC)
GIGABYTE = 1 << 30
FIRST = "Ada Grace Alan Mary Katherine Kim Edsger Barbara Donald Radia Tim Margaret Linus Frances"
LAST = "Lovelace Hopper Turing Jackson Johnson Larsen Dijkstra Liskov Knuth Perlman Allen Hamilton"

LABS = (
    Lab(
        "arrays",
        "Arrays and autograd: the two tools behind everything",
        (
            Exercise("double", "Exercise 1: double every number", 1),
            Exercise("standardise", "Exercise 2: standardise each column", 2),
            Exercise("softmax", "Exercise 3: a softmax that never overflows", 3),
            Exercise("gradient", "Exercise 4: follow a gradient", 3),
        ),
    ),
    Lab(
        "tokenisation",
        "Tokenisation: from text to numbers",
        (
            Exercise("count_units", "Exercise 1: three ways to count", 2),
            Exercise("build_vocab", "Exercise 2: a vocabulary", 4),
            Exercise("pairs", "Exercise 3: merge the commonest pair", 5),
            Exercise("explain", "Exercise 4: explain what was lost", 3),
        ),
    ),
    Lab("embeddings", "Word embeddings: from counts to analogies", (Exercise("cosine", "1", 2),)),
)
_EASE = {"arrays": (0.97, 0.9, 0.72, 0.55), "tokenisation": (0.6, 0.42, 0.2, 0.15)}


def people_of(count: int) -> tuple[Person, ...]:
    chance = random.Random(5)
    first, last = FIRST.split(), LAST.split()
    attendees = tuple(
        Person(f"seat{n:02d}", n, f"{chance.choice(first)} {chance.choice(last)}", True)
        for n in range(1, count + 1)
    )
    return (*attendees, Person("grace", 901, "Grace Hopper", False))


def a_class(count: int) -> Facts:
    """`count` attendees at work, some of them in every kind of trouble."""
    chance = random.Random(count)
    people = people_of(count)
    servers = tuple(_server(chance, person) for person in people)
    hosts = max(1, count // 8) if count < 100 else count // 10
    names = [f"gpu-{n:02d}" for n in range(1, min(hosts, 12) + 1)]
    usage = tuple(
        Usage(each.username, names[n % len(names)], True, chance.randrange(300, 2600) << 20)
        for n, each in enumerate(people)
        if servers[n].running
    )
    if len(usage) > 6:
        usage = (replace(usage[4], out_of_memory=1, out_of_memory_at=NOW), *usage)
        usage = (usage[0], *(each for each in usage[1:] if each.username != usage[0].username))
    work = _work(chance, people)
    return Facts(
        taken_at=NOW - timedelta(seconds=3),
        workshop="nlp-day",
        idle_minutes=60,
        people=people,
        servers=servers,
        usage=usage,
        hosts=_hosts(chance, names, usage),
        labs=LABS,
        work=work,
        not_judged=tuple(unjudged(work)),
        grading=Grading(
            now=(("tokenisation", "seat03"),),
            waiting=(("tokenisation", "seat05"), ("tokenisation", "seat07")),
        ),
        fleet=Fleet(
            hourly=(3.16, 3.16),
            spent=(4.1, 4.1),
            at=NOW - timedelta(minutes=30),
            deadline=NOW + timedelta(minutes=138),
            times_left=4,
        ),
    )


def with_a_lost_host(facts: Facts) -> Facts:
    """The last host died 40 seconds ago; the seats on it are on their way to a spare."""
    lost = facts.hosts[-1]
    dead = replace(lost, state="dead", since=NOW - timedelta(seconds=40), load=None, gpus=())
    moves = tuple(
        Moved(username, lost.name, "spare-01", "restoring", None, None) for username in lost.seats
    )
    usage = tuple(each for each in facts.usage if each.host != lost.name)
    return replace(facts, hosts=(*facts.hosts[:-1], dead), moves=moves, usage=usage)


def told(facts: Facts) -> Told:
    """Somebody wants help, and the instructor has said something."""
    attendees = [person for person in facts.people if person.attendee]
    calls = (
        Call(
            attendees[min(6, len(attendees) - 1)].username,
            NOW - timedelta(minutes=4),
            "loss is nan",
        ),
        Call(attendees[-2].username, NOW - timedelta(seconds=40)),
    )
    until = NOW + timedelta(minutes=9)
    words = "Coffee at 10:50. Keep your notebooks open, they go on training."
    return Told(calls, (Message("m1", words, NOW, until, "grace"),), {})


def _server(chance: random.Random, person: Person) -> Server:
    name, kind = person.username, chance.random()
    started = NOW - timedelta(minutes=75)
    if not person.attendee:
        return Server(name, True, False, started, NOW - timedelta(minutes=1), NOW)
    if kind < 0.03:
        return Server(
            name, False, False, None, NOW - timedelta(minutes=7), NOW - timedelta(minutes=6)
        )
    if kind < 0.09:
        return Server(name, False, False, None, None)
    ago = chance.choice((0, 1, 1, 2, 3, 4, 5, 6)) if kind < 0.86 else chance.randrange(14, 50)
    return Server(name, True, False, started, NOW - timedelta(minutes=ago), NOW)


def _hosts(chance: random.Random, names: list[str], usage: tuple[Usage, ...]) -> tuple[Host, ...]:
    by_host = {name: tuple(u.username for u in usage if u.host == name) for name in names}
    hosts = [Host("hub", "well", None, (), 8, 1.9, 32 * GIGABYTE, 21 * GIGABYTE, 90 * GIGABYTE)]
    for name in names:
        free = chance.randrange(6, 50) * GIGABYTE
        load = chance.random() * 14
        gpus = (chance.randrange(0, 100), chance.randrange(0, 100))
        hosts.append(
            Host(name, "well", None, by_host[name], 16, load, 64 * GIGABYTE, free, free, gpus)
        )
    return tuple(hosts)


def _work(chance: random.Random, people: tuple[Person, ...]) -> tuple[Work, ...]:
    found = []
    for person in people:
        if not person.attendee or chance.random() < 0.08:
            continue
        skill = chance.random() * 0.5 - 0.2
        for lab in LABS[:2]:
            if lab.name == "tokenisation" and chance.random() < 0.35:
                continue
            found.append(_one(chance, person, lab, skill))
    return tuple(found)


def _one(chance: random.Random, person: Person, lab: Lab, skill: float) -> Work:
    outcomes: dict[str, Outcome] = {}
    for exercise, ease in zip(lab.exercises, _EASE[lab.name], strict=True):
        kind = chance.random()
        passed = kind < ease + skill
        outcomes[exercise.cell] = "passed" if passed else "partial" if kind > 0.93 else "failed"
    if "explain" in outcomes and outcomes["explain"] == "failed":
        outcomes["explain"] = "by hand" if chance.random() < 0.5 else "failed"
    unjudged = {}
    if chance.random() < 0.02:
        outcomes["softmax" if lab.name == "arrays" else "pairs"] = "not judged"
        unjudged = {"pairs" if lab.name != "arrays" else "softmax": "the machine ran out of memory"}
    passed_at = {
        cell: NOW - timedelta(minutes=chance.randrange(2, 24))
        for cell, outcome in outcomes.items()
        if outcome == "passed"
    }
    failing = [cell for cell, outcome in outcomes.items() if outcome in ("failed", "partial")]
    return Work(
        person.username,
        lab.name,
        3,
        NOW - timedelta(minutes=chance.randrange(1, 9)),
        outcomes,
        passed_at,
        barren=3 if failing and chance.random() < 0.05 else 0,
        at=failing[0] if failing else "",
        not_judged=unjudged,
    )
