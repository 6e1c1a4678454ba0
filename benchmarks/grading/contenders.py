"""`python -m benchmarks.grading.contenders WHO LAB COUNT PYTHON FOLDER`: one measured run.

A process of its own for each run. The clock starts when everything is imported, so that only
grading is measured; it prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.coursedir import CourseDirectory

from grader.course import ensure_course
from grader.grading import grade
from grader.nbgrader_course import log_to
from grader.workplace import open_workplace

from .breakdown import watched
from .classroom import Classroom
from .meter import Meter, Reading, accounting_group

_SCORES = """
    select s.student_id, c.name, g.auto_score from grade g
    join submitted_notebook n on n.id = g.notebook_id
    join submitted_assignment s on s.id = n.assignment_id
    join base_cell c on c.id = g.cell_id order by 1, 2
"""


def nbgrader_alone(
    room: Classroom, meter: Callable[[], Meter], *, force: bool = True
) -> dict[str, Any]:
    """nbgrader's Autograde over the whole class, with its default steps and kernels; then its
    feedback. With `force`, what is there already is graded anew."""
    os.environ["JUPYTER_PATH"] = str(room.plain / "jupyter")
    config = room.plain_config()
    started = meter()
    Autograde(coursedir=CourseDirectory(config=config), config=config, force=force).start()
    graded = started.read()
    GenerateFeedback(coursedir=CourseDirectory(config=config), config=config, force=force).start()
    return _facts(graded, started.read(), room.plain / "gradebook.db")


def workshop(room: Classroom, meter: Callable[[], Meter]) -> dict[str, Any]:
    """`workshop grade`: its judges start inside of the measured time, and so does the canary."""
    settings = room.settings
    ensure_course(settings)  # a copied folder says in its configuration where it was before
    marks: dict[str, Reading] = {}
    started = meter()
    with open_workplace(settings) as place:

        def progress(stage: str, *_: Any) -> None:
            marks.setdefault(stage, started.read())

        done = grade(place, settings.spec.labs, progress=progress)
        graded, ended = marks["feedback"], started.read()
    if done.troubles or done.queue:
        raise SystemExit(f"not everything was graded: {done}")
    facts = _facts(graded, ended, settings.course / "gradebook.db")
    first = marks.get("grade")
    return {**facts, "judged": done.judged, "first": first and first.wall}


def _facts(graded: Reading, ended: Reading, database: Path) -> dict[str, Any]:
    with sqlite3.connect(database) as opened:
        scores = opened.execute(_SCORES).fetchall()
    return {"graded": asdict(graded), "with_feedback": asdict(ended), "scores": scores}


CONTENDERS: dict[str, Callable[..., dict[str, Any]]] = {
    "nbgrader": nbgrader_alone,
    "nbgrader-skipping": partial(nbgrader_alone, force=False),
    "workshop": workshop,
}


def main() -> None:
    """Run one contender once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("who", choices=CONTENDERS)
    parser.add_argument("lab")
    parser.add_argument("count", type=int)
    parser.add_argument("python", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--breakdown", action="store_true")
    options = parser.parse_args()
    room = Classroom(options.folder, options.lab, options.python, options.count)
    log_to(sys.stderr)
    logging.getLogger("traitlets").setLevel(logging.CRITICAL)
    with accounting_group() as group, watched(options.breakdown) as parts:
        facts = CONTENDERS[options.who](room, lambda: Meter(group))
    print(json.dumps({**facts, "parts": parts}))


if __name__ == "__main__":
    main()
