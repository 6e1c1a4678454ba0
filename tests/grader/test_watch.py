"""`python -m grader watch`: the process that grades as submissions come in."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from grader.watch import Watch, _Bell
from tests.grader.arriving import COURSE_VARIABLE, hand_in

FULL = {"check-total": 2.0, "check-double": 3.0, "check-largest": 5.0}


class Watched:
    """A course and the process that watches over it."""

    def __init__(self, course: Any) -> None:
        self.course = course
        self.process = course.start("watch")

    def next_note(self) -> str:
        """What it says next."""
        event = json.loads(self.process.stdout.readline())
        assert event["event"] == "progress", event
        return str(event["note"])

    def end(self, number: int = signal.SIGTERM) -> dict[str, Any]:
        """Tell it to end; its last word."""
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=60)
        return dict(json.loads(out.splitlines()[-1]))


@pytest.fixture
def watch(released, monkeypatch) -> Iterator[Callable[..., Watched]]:
    """Start watching over the released course; more than once, if the test wants."""
    monkeypatch.setenv(COURSE_VARIABLE, str(released.settings.course))
    exchange = released.settings.exchange.model_copy(
        update={"arrivals": "tests.grader.arriving.FolderArrivals"}
    )
    course = released.with_settings(exchange=exchange)
    started: list[Watched] = []

    def start() -> Watched:
        started.append(Watched(course))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


def test_it_grades_what_comes_until_it_is_told_to_end_and_there_is_only_one(watch, answers):
    watched = watch()
    hand_in(watched.course, "ada", answers)
    assert watched.next_note() == "ada, sums: 10 of 10 points"
    hand_in(watched.course, "grace", answers)
    assert watched.next_note() == "grace, sums: 10 of 10 points"
    assert watched.course.scores() == {"ada": FULL, "grace": FULL}
    another, (*_, refusal) = watched.course.command("watch")
    assert (another, refusal["family"]) == (3, "not-possible")
    assert refusal["message"].startswith("submissions are graded as they come in already")
    assert f"process {watched.process.pid}" in refusal["message"]
    started = psutil.Process(watched.process.pid).children(recursive=True)
    assert started, "an engine is warm"
    event = watched.end()
    assert (watched.process.returncode, event["event"], event["graded"]) == (0, "result", 2)
    assert not any(each.is_running() for each in psutil.wait_procs(started, timeout=10)[1])


def test_killed_and_started_again_it_grades_what_is_left(watch, answers):
    first = watch()
    hand_in(first.course, "ada", answers)
    first.next_note()
    hand_in(first.course, "grace", answers)
    first.process.kill()
    first.process.communicate()
    second = watch()
    notes = {second.next_note(), second.next_note()}
    assert notes == {"ada, sums: 10 of 10 points", "grace, sums: 10 of 10 points"}
    assert second.course.scores() == {"ada": FULL, "grace": FULL}


def test_commands_work_beside_it_and_it_notices_new_settings(watch, answers):
    watched = watch()
    hand_in(watched.course, "ada", answers)
    watched.next_note()
    for verb in ("release", "grade", "report"):
        code, events = watched.course.command(verb)
        assert (code, events[-1]["event"]) == (0, "result"), verb
    light = watched.course.settings.environments["light"]
    changed = light.model_copy(update={"identity": "light-2"})
    watched.course.with_settings(environments={"light": changed}).settings_file()
    hand_in(watched.course, "grace", answers)
    # It hears of everything once more, and this exchange doesn't remember what was answered.
    notes = {watched.next_note(), watched.next_note()}
    assert notes == {"ada, sums: 10 of 10 points", "grace, sums: 10 of 10 points"}
    assert watched.course.verdict("grace")["basis"]["environment"] == "light-2"


def test_without_an_exchange_that_tells_there_is_nothing_to_watch(released):
    code, events = released.command("watch")
    assert (code, events[-1]["family"]) == (3, "not-possible")
    assert "workshop grade" in events[-1]["next_step"]


def test_the_queue_can_be_read_without_such_an_exchange(released):
    code, events = released.command("queue")
    assert code == 0
    assert events[-1]["exchange_answers"] is False
    assert events[-1]["assistant"] == []


class Listening:
    """Rounds that learn of a submission; something happens while the exchange is asked."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.queue, self.meanwhile, self.begun = ["waits"], meanwhile, 0

    def learn(self, _place: object) -> tuple[str, ...]:
        self.meanwhile()
        return tuple(self.queue)

    def grade(self, _place: object, _chosen: object) -> None:
        self.begun += 1


@pytest.mark.parametrize(("after", "begun"), [("old", 1), ("new", 0)])
def test_nothing_is_graded_with_settings_that_changed_while_it_listened(tmp_path, after, begun):
    file = tmp_path / "settings.json"
    file.write_text("old")
    rounds = Listening(lambda: file.write_text(after))
    Watch(file, (), lambda *_: None)._turn(None, rounds, _Bell(), set(), b"old")
    assert (rounds.begun, rounds.queue) == (begun, ["waits"])
