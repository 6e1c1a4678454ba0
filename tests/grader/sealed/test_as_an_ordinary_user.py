"""Without any privilege the engine works the same, by way of user namespaces."""

# ruff: noqa: E501 - a notebook cell on one line reads better than one cut in two

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[3]
_ORDINARY = 61999

#: Run under the ordinary account: grades a few answers and prints what came of them.
_SCRIPT = """
import json, os, sys
from pathlib import Path
from grader.sealed.engine import Engine
from grader.sealed.limits import Limits
from grader.sealed.submission import AuthorCell, Step, Submission

author = (AuthorCell("a", "solution", "x = 1"), AuthorCell("t", "test", "assert x == 1"))
answers = json.loads(sys.argv[3])
limits = Limits(cell_seconds=4, memory_megabytes=300, processes=24, grace_seconds=0.5)
with Engine(Path(sys.argv[1]), Path(sys.argv[2]), limits=limits, slots=1) as engine:
    outcomes = {
        name: engine.grade(Submission((Step("a", "student", text), Step("t", "test")), author))
        for name, text in answers.items()
    }
    groups = [g for slot in engine._groups.values() for g in slot.paths]
print(json.dumps({
    "user": os.getuid(),
    "groups": groups,
    "cells": {name: [o["t"].judgement, o["t"].reason, o["a"].outputs] for name, o in outcomes.items()},
}))
"""
ANSWERS = {
    "right": "x = 1",
    "wrong": "x = 2",
    "read": f"open({__file__!r}).read()\nx = 1",
    "home": "import os\nprint(sorted(os.listdir('/')), os.getuid())\nx = 2",
    "network": "import socket\nsocket.socket().connect(('127.0.0.1', 1))\nx = 1",
    "processes": (
        "import os, time\nfor _ in range(100):\n    if os.fork() == 0:\n        time.sleep(60)\nx = 1"
    ),
    "memory": "y = []\nwhile True: y.append(bytearray(2**22))\nx = 1",
    "memory in processes": (
        "import os, time\nhave, tell = os.pipe()\nfor _ in range(8):\n    if os.fork() == 0:\n"
        "        y = b'1' * 2**27\n        os.write(tell, b'1')\n        time.sleep(60)\n"
        "for _ in range(8): os.read(have, 1)\ntime.sleep(2)\nx = 1"
    ),
    "namespaces": "import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0\nx = 1",
    "right again": "x = 1",
}


@pytest.fixture(scope="module")
def private_folder() -> Iterator[Path]:
    """A folder that the ordinary account can reach; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="ordinary-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def graded(nlp_python: Path, private_folder: Path) -> dict[str, Any]:
    folder = private_folder
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = {"user": _ORDINARY, "group": _ORDINARY, "extra_groups": []}
        os.chown(folder, _ORDINARY, _ORDINARY)
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(nlp_python), str(folder), json.dumps(ANSWERS)],
        env={"PYTHONPATH": str(PROJECT), "PATH": os.environ["PATH"], "HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **account,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_right_answers_pass_before_and_after_every_attack(graded: dict[str, Any]) -> None:
    assert graded["user"] != 0
    assert graded["cells"]["right"][0] == "passed"
    assert graded["cells"]["right again"][0] == "passed"


@pytest.mark.parametrize("name", sorted(set(ANSWERS) - {"right", "right again"}))
def test_attacks_fail(name: str, graded: dict[str, Any]) -> None:
    assert graded["cells"][name][0] == "failed", graded["cells"][name]


def test_the_jail_shows_nothing_of_the_machine(graded: dict[str, Any]) -> None:
    text = graded["cells"]["home"][2][0]["text"]
    assert "'root'" not in text
    assert text.rstrip().endswith("1000")
