"""`python -m grader`: JSON lines out, one at a time, and safe to kill at any moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.lock import only_grader

ROOT = Path(__file__).parents[2]
FULL = {"check-total": 2.0, "check-double": 3.0, "check-largest": 5.0}


def test_a_course_from_nothing_to_a_report(nothing, answers):
    mini = nothing
    code, events = mini.command("release")
    assert code == 0, events
    assert events[-1] == {
        "event": "result",
        "verb": "release",
        "labs": [
            {"lab": "sums", "outcome": "released", "points": 10.0, "exercises": 3, "sealed": True}
        ],
    }
    assert mini.command("release")[1][-1]["labs"][0]["outcome"] == "unchanged"
    mini.submit_answers("ada", answers)
    mini.submit("grace", "no notebook")
    code, events = mini.command("grade")
    result = events[-1]
    assert (code, result["judged"], result["feedback_sent"]) == (0, 2, 1)
    assert {one["attendee"] for one in result["queue"]} == {"grace"}
    assert ("grade", 1, 2, "grace: sums") in [
        (one["stage"], one["done"], one["total"], one["note"]) for one in events[:-1]
    ]
    results = mini.command("results")[1][-1]["results"]
    assert [one["attendee"] for one in results["submissions"]] == ["ada", "grace"]
    assert results["attendees"][0] == {"username": "grace", "name": "Grace Hopper"}
    report = mini.command("report")[1][-1]
    assert "Ada Lovelace" in Path(report["html"]).read_text()
    assert Path(report["csv"]).is_file()
    assert "ada@example.org" in Path(report["nbgrader_export"]).read_text()


@pytest.mark.parametrize(
    ("verb", "options", "code", "family", "message"),
    [
        ("grade", ["--lab", "suns"], 2, "bad-input", "no lab is called 'suns'"),
        ("grade", [], 3, "not-possible", "not released yet: sums"),
    ],
)
def test_a_foreseen_failure_is_an_event(mini, verb, options, code, family, message):
    status, events = mini.command(verb, *options)
    assert (status, events[-1]["event"], events[-1]["family"]) == (code, "error", family)
    assert message in events[-1]["message"]
    assert events[-1]["next_step"]


def test_a_report_of_nothing_is_a_foreseen_failure(nothing):
    status, events = nothing.command("report")
    assert (status, events[-1]["family"]) == (3, "not-possible")
    assert "nothing is graded yet" in events[-1]["message"]


def test_settings_that_are_wrong_name_the_key(mini):
    file = mini.settings_file()
    settings = json.loads(file.read_text())
    settings["limits"]["memory_megabytes"] = "much"
    other = file.with_name("wrong.json")
    other.write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "grader", "course", str(other)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    event = json.loads(done.stdout)
    assert done.returncode == 2
    assert event["message"].startswith(f"{other}, limits.memory_megabytes: ")


def test_a_second_grader_waits_for_the_first_and_says_for_whom(released, answers):
    released.submit_answers("ada", answers)
    with only_grader(released.folder.lock, "another one"):
        second = released.start("grade")
        event = json.loads(second.stdout.readline())
    out, _ = second.communicate(timeout=100)
    assert (event["stage"], event["note"]) == ("waiting", f"for another one, process {os.getpid()}")
    assert second.returncode == 0
    assert json.loads(out.splitlines()[-1])["judged"] == 1
