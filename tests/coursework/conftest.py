"""The labs of the course, each on the engine that grades attendees."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from grader.events import silent
from grader.proof.bench import Engines
from grader.proof.collection import read_wrong_answers
from grader.proof.course import read_course
from grader.proof.findings import LabProof
from grader.proof.lab import Lab, read_lab
from grader.proof.record import read_record
from grader.proof.settings import Kernel
from grader.proof.trial import Trial
from provisioning.environments.build import ensure_environment
from provisioning.environments.files import read_environment_file
from provisioning.interpreter import find_interpreter
from tests.thorough import THOROUGH

PROJECT = Path(__file__).parents[2]
COURSE = PROJECT / "coursework/nlp"
ENVIRONMENTS = PROJECT / "environments"
BUILT = Path("/var/tmp/workshop-tests/environments")
SPEC = read_course(COURSE)
#: A lab whose reference takes more CPU time than this is tried by `make prove` and by
#: `make thorough` (tests/e2e/test_whole_course.py); test_records.py reads what came of it.
LIGHT = 8.0 if THOROUGH else 2.5


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`lab` runs over the labs of course.yaml, `light_lab` over those that are quick."""
    labs = [read_lab(COURSE, spec) for spec in SPEC.labs]
    for name, chosen in (("lab", labs), ("light_lab", [lab for lab in labs if is_light(lab)])):
        if name in metafunc.fixturenames:
            ids = [lab.spec.name for lab in chosen]
            metafunc.parametrize(name, chosen, ids=ids, scope="session")


def is_light(lab: Lab) -> bool:
    measured = read_record(lab.folder).get("measured", {})
    return measured.get("cpu_seconds", 0.0) <= LIGHT


@pytest.fixture(scope="session")
def kernel_of(nlp_python: Path) -> Callable[[str], Kernel]:
    """An environment by name: $WORKSHOP_<NAME>_PYTHON, else built from its lock."""

    @cache
    def kernel(name: str) -> Kernel:
        file = read_environment_file(ENVIRONMENTS / f"{name}.yml")
        chosen = os.environ.get(f"WORKSHOP_{name.upper().replace('-', '_')}_PYTHON")
        if name == "nlp-cpu":
            python = nlp_python
        elif chosen:
            python = Path(chosen)
        else:
            built = ensure_environment(file, file.lock, BUILT, interpreter=find_interpreter())
            python = built.python
        return Kernel(python, file.lock)

    return kernel


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("run")) as warm:
        yield warm


@pytest.fixture(scope="session")
def on_trial(kernel_of: Callable[[str], Kernel], engines: Engines) -> Callable[[Lab], LabProof]:
    """What the sealed engine says to a light lab's reference, its untouched release and its
    wrong answers. Asked once for each lab."""

    @cache
    def proof_of(name: str) -> LabProof:
        lab = next(read_lab(COURSE, spec) for spec in SPEC.labs if spec.name == name)
        proof = LabProof(name, "", lab.points, {})
        python = kernel_of(lab.spec.environment).python
        with engines.bench(lab, python) as bench:
            trial = Trial(lab, bench, proof, silent)
            trial.reference()
            trial.untouched()
            trial.wrong_answers(read_wrong_answers(lab.folder))
        return proof

    return lambda lab: proof_of(lab.spec.name)
