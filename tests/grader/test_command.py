"""`python -m grader`: JSON lines out, one at a time, and safe to kill at any moment."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FULL = {"check-total": 2.0, "check-double": 3.0, "check-largest": 5.0}


def start(course, verb: str, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "grader", verb, str(course.settings_file()), *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(course, verb: str, *options: str) -> tuple[int, list[dict]]:
    process = start(course, verb, *options)
    out, err = process.communicate(timeout=200)
    events = [json.loads(line) for line in out.splitlines()]
    assert events, err
    return process.returncode, events


def kill_after(process: subprocess.Popen[str], stage: str, note: str, seconds: float) -> None:
    """kill -9 some time after a stage of the work has begun."""
    for line in process.stdout:
        event = json.loads(line)
        assert event["event"] == "progress", event
        if event["stage"] == stage and note in event["note"]:
            break
    else:
        pytest.fail(f"it never came to {stage} {note}")
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def jails_of(course) -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if "bwrap" in command and str(course.settings.course) in command:
            found.append(command)
    return found


def test_a_course_from_nothing_to_a_report(mini, answers):
    code, events = run(mini, "release")
    assert code == 0, events
    assert events[-1] == {
        "event": "result",
        "verb": "release",
        "labs": [{"lab": "sums", "outcome": "released", "points": 10.0, "exercises": 3}],
    }
    assert run(mini, "release")[1][-1]["labs"][0]["outcome"] == "unchanged"
    mini.submit_answers("ada", answers)
    mini.submit("grace", "no notebook")
    code, events = run(mini, "grade")
    result = events[-1]
    assert (code, result["judged"], result["feedback_sent"]) == (0, 2, 1)
    assert {one["attendee"] for one in result["queue"]} == {"grace"}
    assert ("grade", 1, 2, "grace: sums") in [
        (one["stage"], one["done"], one["total"], one["note"]) for one in events[:-1]
    ]
    results = run(mini, "results")[1][-1]["results"]
    assert [one["attendee"] for one in results["submissions"]] == ["ada", "grace"]
    assert results["attendees"][0] == {"username": "grace", "name": "Grace Hopper"}
    report = run(mini, "report")[1][-1]
    assert "Ada Lovelace" in Path(report["html"]).read_text()
    assert Path(report["csv"]).is_file()
    assert "ada@example.org" in Path(report["nbgrader_export"]).read_text()


def test_prove_says_what_is_wrong_without_releasing(mini):
    lab = mini.settings.coursework / "sums/lab.py"
    lab.write_text(lab.read_text().replace("return max(values)", "return 3"))
    code, events = run(mini, "prove")
    (proof,) = events[-1]["labs"]
    assert (code, proof["lab"], proof["points"]) == (0, "sums", 10.0)
    assert proof["findings"] == [
        "the solution does not pass 'check-largest' (AssertionError)",
    ]
    assert not mini.folder.released("sums").exists()


@pytest.mark.parametrize(
    ("verb", "options", "code", "family", "message"),
    [
        ("grade", ["--lab", "suns"], 2, "bad-input", "no lab is called 'suns'"),
        ("grade", [], 3, "not-possible", "not released yet: sums"),
        ("report", [], 3, "not-possible", "nothing is graded yet"),
    ],
)
def test_a_foreseen_failure_is_an_event(mini, verb, options, code, family, message):
    status, events = run(mini, verb, *options)
    assert (status, events[-1]["event"], events[-1]["family"]) == (code, "error", family)
    assert message in events[-1]["message"]
    assert events[-1]["next_step"]


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


def test_two_graders_do_not_run_at_once(released, answers):
    released.submit_answers("ada", {**answers, "total": "import time\ntime.sleep(5)"})
    first = start(released, "grade")
    assert json.loads(first.stdout.readline())["event"] == "progress"
    code, events = run(released, "grade")
    assert (code, events[-1]["family"]) == (3, "not-possible")
    assert (
        f"another grader is at work on this course (process {first.pid})" in (events[-1]["message"])
    )
    first.communicate(timeout=100)
    assert first.returncode == 0


@pytest.mark.parametrize("seconds", [0.0, 0.6, 1.2])
def test_a_killed_grade_converges(released, answers, seconds):
    for name in ("ada", "bob", "eve"):
        released.submit_answers(name, answers)
    kill_after(start(released, "grade"), "grade", "bob", seconds)
    deadline = time.monotonic() + 10
    while jails_of(released) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert jails_of(released) == []
    code, events = run(released, "grade")
    assert (code, events[-1]["queue"], events[-1]["troubles"]) == (0, [], [])
    assert released.scores() == dict.fromkeys(("ada", "bob", "eve"), FULL)
    for name in ("ada", "bob", "eve"):
        assert len(list(released.folder.verdicts("sums", name).glob("*.json"))) == 1
        assert (
            "secret"
            in (released.folder.feedback(name, "sums") / "submission_secret.txt").read_text()
        )
    with sqlite3.connect(released.folder.gradebook) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        assert database.execute("select count(*) from submitted_assignment").fetchone() == (3,)
    assert run(released, "grade")[1][-1]["judged"] == 0


@pytest.mark.parametrize(
    ("stage", "seconds"), [("prove", 0.5), ("generate", 0.05), ("release", 0.02)]
)
def test_a_killed_release_converges(mini, template, stage, seconds):
    kill_after(start(mini, "release"), stage, "sums", seconds)
    code, events = run(mini, "release")
    assert code == 0, events
    whole = template / "exchange/mini/outbound/sums/sums.ipynb"
    ours = mini.settings.course.parent / "exchange/mini/outbound/sums/sums.ipynb"
    assert ours.read_bytes() == whole.read_bytes()
    assert run(mini, "release")[1][-1]["labs"][0]["outcome"] == "unchanged"
    with sqlite3.connect(mini.folder.gradebook) as database:
        assert database.execute("select count(*) from grade_cells").fetchone() == (3,)
