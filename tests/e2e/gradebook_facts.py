"""What nbgrader itself says about a course: read by its own API, in the hub's environment."""

from __future__ import annotations

import json
import subprocess
from collections import Counter

from tests.e2e.running import RunningWorkshop

_READ = """
import json, sqlite3, sys
from nbgrader.api import Gradebook
with Gradebook(f"sqlite:///{sys.argv[1]}") as gradebook:
    scores = [
        [submission.student.id, assignment.name, grade.name, grade.score, grade.max_score]
        for assignment in gradebook.assignments
        for submission in assignment.submissions
        for notebook in submission.notebooks
        for grade in notebook.grades
    ]
    handed_in = [
        [submission.student.id, assignment.name]
        for assignment in gradebook.assignments
        for submission in assignment.submissions
    ]
(sound,) = sqlite3.connect(sys.argv[1]).execute("pragma integrity_check").fetchone()
print(json.dumps({"scores": scores, "handed_in": handed_in, "integrity": sound}))
"""

Scores = dict[tuple[str, str], dict[str, tuple[float, float]]]


def scores_in_the_database(workshop: RunningWorkshop) -> Scores:
    """{(attendee, lab): {check: (score, points)}}; the database is sound, nobody is in it twice."""
    found = json.loads(
        hub_python(workshop, "-c", _READ, str(workshop.paths.course / "gradebook.db"))
    )
    assert found["integrity"] == "ok"
    assert set(Counter(map(tuple, found["handed_in"])).values()) <= {1}
    scores: Scores = {}
    for attendee, lab, check, score, points in found["scores"]:
        scores.setdefault((attendee, lab), {})[check] = (score, points)
    return scores


def hub_python(workshop: RunningWorkshop, *arguments: str) -> str:
    """Run the hub environment's Python in the course folder, as plain nbgrader would be."""
    done = subprocess.run(
        [str(workshop.settings.hub_python), *arguments],
        capture_output=True,
        text=True,
        cwd=workshop.paths.course,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
