"""Everybody of the tables, graded both ways, once per session."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.grader.parity.both_ways import LINE, BothWays, Course, environment
from tests.grader.parity.sources import OWN, SHIPPED, put_source
from tests.grader.parity.submissions import rows_of, submit
from tests.grader.parity.workshop_labs import LABS, grade_lab_both_ways

#: Seconds that a cell may run where one submission runs into it, twice each way. Everybody else
#: has nbgrader's own thirty, by the clock.
_TIMEOUTS = {"numbers": "c.Execute.timeout = 4"}

Gradings = dict[str, "Future[BothWays]"]


@pytest.fixture(scope="session")
def gradings(nlp_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gradings]:
    """By assignment; two are graded at a time."""
    root = tmp_path_factory.mktemp("parity")
    variables = environment(nlp_python, root / "jupyter", "nlp-cpu")
    with ThreadPoolExecutor(2) as pool:
        started: Gradings = {
            lab: pool.submit(grade_lab_both_ways, root / lab, variables, nlp_python, lab)
            for lab in LABS
        }
        for name in (*OWN, *SHIPPED):
            started[name] = pool.submit(grade_both_ways, root / name, variables, name)
        yield started


def grade_both_ways(root: Path, variables: dict[str, str], assignment: str) -> BothWays:
    """Generate it, hand in, and grade: with nbgrader alone, and with our one line."""
    plain = Course(root / "plain", variables)
    (plain.root / "source").mkdir(parents=True)
    lines = (*put_source(plain.root, assignment), _TIMEOUTS.get(assignment, ""))
    plain.configure(*lines)
    done = plain.nbgrader("generate_assignment", assignment)
    assert done.returncode == 0, done.stderr
    for row in rows_of(assignment):
        submit(plain, assignment, row)
    sealed = plain.copy(root / "sealed", *lines, LINE)
    for course in (plain, sealed):
        course.nbgrader("autograde", assignment)
    return BothWays(assignment, plain, sealed)
