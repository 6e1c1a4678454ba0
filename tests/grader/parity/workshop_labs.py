"""Our own labs: graded by plain nbgrader, and by the workshop's commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from itertools import zip_longest
from pathlib import Path

import yaml

from grader.settings import EnvironmentSettings, ExchangeSettings, GraderSettings
from grader.spec import CourseSpec
from tests.grader.parity.both_ways import COURSE, PROJECT, BothWays, Course
from tests.grader.parity.submissions import Row, submit

COURSEWORK = PROJECT / "coursework/nlp"
#: Submissions with wrong answers; those of embeddings take nbgrader some seconds each.
LABS = {"tokenisation": 4, "embeddings": 2}


def rows_of_lab(lab: str) -> list[Row]:
    """The lab's own wrong answers: each submission has another one to every exercise."""
    exercises: dict[str, list[str]] = {}
    for mutant in yaml.safe_load((COURSEWORK / lab / "mutants.yaml").read_text()):
        exercises.setdefault(mutant["cell"], []).append(mutant["source"])
    mixes = zip_longest(*([(cell, one) for one in some] for cell, some in exercises.items()))
    wrong = [dict(filter(None, mix)) for mix in mixes][: LABS[lab]]
    return [
        Row(name="right"),
        Row(name="untouched", blank=("all",)),
        *(Row(name=f"wrong-{number}", answers=mix) for number, mix in enumerate(wrong)),
    ]


def grade_lab_both_ways(root: Path, variables: dict[str, str], python: Path, lab: str) -> BothWays:
    """Release it as a workshop does, hand in, and grade a copy with nbgrader alone."""
    root.mkdir()
    settings = _settings(root, python, lab)
    _command(settings, "release")
    sealed = Course(settings.course, variables)
    for row in rows_of_lab(lab):
        submit(sealed, lab, row)
    plain = sealed.copy(root / "plain")
    plain.nbgrader("autograde", lab)
    _command(settings, "grade")
    return BothWays(lab, plain, sealed)


def _settings(root: Path, python: Path, lab: str) -> GraderSettings:
    spec = CourseSpec.model_validate(yaml.safe_load((COURSEWORK / "course.yaml").read_text()))
    labs = tuple(one for one in spec.labs if one.name == lab)
    return GraderSettings(
        course=root / "sealed",
        coursework=COURSEWORK,
        spec=spec.model_copy(update={"name": COURSE, "labs": labs, "tracks": {}}),
        environments={
            one.environment: EnvironmentSettings(python=python, identity="parity") for one in labs
        },
        exchange=ExchangeSettings(options={"Exchange": {"root": str(root / "exchange")}}),
        run=Path(tempfile.mkdtemp(prefix="p")),
        reports=root / "reports",
    )


def _command(settings: GraderSettings, verb: str) -> None:
    (settings.course.parent / "exchange").mkdir(exist_ok=True)
    file = settings.course.parent / "settings.json"
    file.write_text(settings.model_dump_json())
    done = subprocess.run(
        [sys.executable, "-P", "-m", "grader", verb, str(file)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    last = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, (last, done.stderr)
