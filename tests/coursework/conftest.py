"""Labs as the tests see them: source, release, and the wrong answers kept beside them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import jupytext
import pytest
import yaml
from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import ClearHiddenTests, ClearOutput, ClearSolutions, LockCells

from provisioning.environments.build import ensure_environment
from provisioning.environments.files import read_environment_file
from provisioning.interpreter import find_interpreter
from provisioning.paths import default_state_root

PROJECT = Path(__file__).parents[2]
COURSE = PROJECT / "coursework/nlp"
RUNNER = Path(__file__).with_name("run_variants.py")

Cells = list[dict[str, str]]
#: variant -> cell -> what became of it
Outcomes = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class LabUnderTest:
    """One lab of the course, read from its text."""

    name: str
    folder: Path

    @cached_property
    def source(self) -> NotebookNode:
        """The notebook with solutions and hidden checks."""
        return jupytext.read(self.folder / "lab.py", fmt="py:percent")

    @cached_property
    def release(self) -> NotebookNode:
        """The notebook as attendees get it, by nbgrader's own steps."""
        notebook, resources = jupytext.read(self.folder / "lab.py", fmt="py:percent"), {}
        for step in (LockCells, ClearSolutions, ClearOutput, ClearHiddenTests):
            notebook, resources = step().preprocess(notebook, resources)
        return notebook

    @cached_property
    def mutants(self) -> list[dict[str, Any]]:
        return yaml.safe_load((self.folder / "mutants.yaml").read_text(encoding="utf-8"))

    @cached_property
    def exercises(self) -> dict[str, list[str]]:
        """Solution cell -> its checks: those up to the next solution cell."""
        found: dict[str, list[str]] = {}
        for cell in self.source.cells:
            meta = cell.metadata.get("nbgrader", {})
            if meta.get("solution"):
                found[meta["grade_id"]] = []
            elif meta.get("grade"):
                found[list(found)[-1]].append(meta["grade_id"])
        return found

    @property
    def checks(self) -> set[str]:
        return {check for checks in self.exercises.values() for check in checks}

    def cells(self, notebook: NotebookNode, *, pictures: bool = False, **answers: str) -> Cells:
        """What to execute; `answers` replaces solution cells. Pictures cost time and no points."""
        chosen = []
        for number, cell in enumerate(notebook.cells):
            meta = cell.metadata.get("nbgrader", {})
            is_picture = "picture" in cell.metadata.get("tags", [])
            if cell.cell_type != "code" or (is_picture and not pictures):
                continue
            name = meta.get("grade_id", f"cell-{number}")
            kind = "check" if meta.get("grade") else "code"
            chosen.append({"id": name, "kind": kind, "source": answers.get(name, cell.source)})
        return chosen

    def judged(self, notebook: NotebookNode) -> Cells:
        """The cells of `notebook` with the checks of the source, as grading restores them."""
        original = {cell["id"]: cell["source"] for cell in self.cells(self.source)}
        return [
            cell | {"source": original[cell["id"]]} if cell["kind"] == "check" else cell
            for cell in self.cells(notebook)
        ]


def labs_of_course() -> list[LabUnderTest]:
    course = yaml.safe_load((COURSE / "course.yaml").read_text(encoding="utf-8"))
    return [LabUnderTest(lab["name"], COURSE / lab["folder"]) for lab in course["labs"]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`lab` runs over the labs of course.yaml, `mutant` over a lab's wrong answers."""
    labs = labs_of_course()
    if "mutant" in metafunc.fixturenames:
        cases = [(lab, mutant) for lab in labs for mutant in lab.mutants]
        names = [f"{lab.name}-{mutant['cell']}-{mutant['name']}" for lab, mutant in cases]
        metafunc.parametrize(("lab", "mutant"), cases, ids=names)
    elif "lab" in metafunc.fixturenames:
        metafunc.parametrize("lab", labs, ids=[lab.name for lab in labs])


@pytest.fixture(scope="session")
def run_variants(nlp_python: Path) -> Callable[[LabUnderTest, dict[str, Any]], Outcomes]:
    """Execute variants of a lab, all in one process, in the lab's folder."""

    def run(lab: LabUnderTest, variants: dict[str, Any]) -> Outcomes:
        done = subprocess.run(
            [nlp_python, RUNNER],
            input=json.dumps(variants),
            cwd=lab.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def outcomes_of(run_variants: Callable[..., Outcomes]) -> Callable[[LabUnderTest], Outcomes]:
    """Everything that the promises of a lab need, executed once."""

    @cache
    def outcomes(lab: LabUnderTest) -> Outcomes:
        blank = {cell["id"]: cell["source"] for cell in lab.cells(lab.release)}
        variants: dict[str, Any] = {
            "reference": {"cells": lab.cells(lab.source, pictures=True)},
            "untouched": {"cells": lab.judged(lab.release)},
            "apart": {"cells": lab.cells(lab.source), "apart": list(lab.exercises)},
        }
        for number in range(3):  # hidden checks draw fresh inputs each time
            variants[f"reference again {number}"] = {"cells": lab.cells(lab.source)}
        for exercise in lab.exercises:
            open_one = lab.cells(lab.source, **{exercise: blank[exercise]})
            variants[f"open {exercise}"] = {"cells": open_one}
        for mutant in lab.mutants:
            answer = lab.cells(lab.source, **{mutant["cell"]: mutant["source"]})
            variants[f"mutant {mutant['name']} {mutant['cell']}"] = {"cells": answer}
        return run_variants(lab, variants)

    return outcomes
