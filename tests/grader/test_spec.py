"""course.yaml's shape: what fits together is accepted, what doesn't is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from grader.spec import CourseSpec

LAB = {"name": "a", "title": "A", "folder": "a", "environment": "nlp-cpu"}
COURSE = {"name": "nlp", "title": "T", "labs": [LAB, {**LAB, "name": "b"}]}


def test_a_track_selects_labs_in_its_order():
    spec = CourseSpec.model_validate({**COURSE, "tracks": {"short": ["b"], "other": ["b", "a"]}})
    assert [lab.name for lab in spec.chosen("other")] == ["b", "a"]
    assert [lab.name for lab in spec.chosen(None)] == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labs": []}, "at least 1 item"),
        ({"labs": [LAB, LAB]}, "a is there twice"),
        ({"tracks": {"t": ["c"]}}, "tracks.t: no lab is called c"),
        ({"labs": [{**LAB, "folder": "../a"}]}, "must be inside the course's folder"),
        ({"labs": [{**LAB, "name": "A b"}]}, "string_pattern"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(ValidationError, match=message):
        CourseSpec.model_validate({**COURSE, **change})


def test_it_needs_no_nbgrader():
    """The command line reads course.yaml with it, in an environment without nbgrader."""
    code = (
        "import sys; sys.modules['nbgrader'] = None; sys.modules['nbformat'] = None\n"
        "import grader.spec, grader.settings, grader.results"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)
